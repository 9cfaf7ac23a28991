//! Settings: a TOML file, over it the environment, over that flags; every setting named once, with its default and its meaning.
//!
//! A [`Schema`] is the list of a service's settings. From it come the commented file with the defaults, the names in the environment
//! (`http.listen` is `CONSILIUM_KGC_HTTP_LISTEN`) and of the flags (`--http-listen`), and the refusal of every name that is not in it.

mod setting;

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

pub use setting::Setting;

/// Why the settings cannot be used. Every variant names the setting and where it stands.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("{path}: {source}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// There is no such setting.
    #[error("{origin}: there is no setting {name}; {}", hint(service, suggestion.as_deref()))]
    Unknown {
        /// The service whose settings these are.
        service: &'static str,
        /// The file, the environment or the flags.
        origin: String,
        /// The name that was given.
        name: String,
        /// A setting with a similar name.
        suggestion: Option<String>,
    },
    /// The value is not one for this setting.
    #[error("{origin}: {name} {rule}")]
    Value {
        /// The file, the environment or the flags.
        origin: String,
        /// The setting.
        name: String,
        /// What it must be.
        rule: String,
    },
}

impl ConfigError {
    /// Whether a setting is wrong, which no second try mends. A file that cannot be read now may be there a moment later.
    pub fn is_wrong_setting(&self) -> bool {
        match self {
            Self::Read { .. } => false,
            Self::Syntax { .. } | Self::Unknown { .. } | Self::Value { .. } => true,
        }
    }
}

fn hint(service: &str, suggestion: Option<&str>) -> String {
    match suggestion {
        Some(name) => format!("did you mean {name}?"),
        None => format!("`consilium {service} serve --help` lists them"),
    }
}

/// The settings of a service.
#[derive(Debug, Clone)]
pub struct Schema {
    service: &'static str,
    settings: Vec<Setting>,
}

impl Schema {
    /// The settings of `service` (`kgc`, `gateway`), in groups: [`crate::FRAME_SETTINGS`] and its own.
    pub fn new(service: &'static str, groups: &[&[Setting]]) -> Self {
        Self {
            service,
            settings: groups.iter().copied().flatten().copied().collect(),
        }
    }

    /// Every setting, for the command's flags.
    pub fn settings(&self) -> impl Iterator<Item = &Setting> {
        self.settings.iter()
    }

    /// The name of a setting in the environment.
    pub fn environment_name(&self, setting: &Setting) -> String {
        format!(
            "{}{}",
            self.environment_prefix(),
            setting.key().replace('.', "_").to_uppercase()
        )
    }

    fn environment_prefix(&self) -> String {
        format!("CONSILIUM_{}_", self.service.to_uppercase())
    }

    /// The file with every default and its meaning.
    pub fn commented_file(&self) -> String {
        self.commented_file_with(&[])
    }

    /// The file with every setting and its meaning, for `init` to write: the given values (`section.name`, TOML), else the defaults.
    pub fn commented_file_with(&self, given: &[(String, String)]) -> String {
        let mut file = format!(
            "# Settings of the {} service. Each is also an environment variable and a flag; the flag wins.\n",
            self.service
        );
        let mut current = "";
        for setting in &self.settings {
            let (section, name) = setting.section_and_name();
            if section != current {
                current = section;
                // Writing to a String cannot fail.
                let _ = writeln!(file, "\n[{section}]");
            }
            let variable = self.environment_name(setting);
            let _ = writeln!(file, "# {} ({variable})", setting.help());
            let value = match given.iter().find(|(key, _)| key == setting.key()) {
                Some((_, value)) => value.clone(),
                None => setting.default_value().to_string(),
            };
            let _ = writeln!(file, "{name} = {value}");
        }
        file
    }

    /// Defaults, over them the file if there is one, over that the environment, over that the flags.
    ///
    /// `environment` is `std::env::vars()` as a rule; `flags` are pairs of a flag's name without dashes and its value.
    ///
    /// # Errors
    /// [`ConfigError`], the first that is found.
    pub fn load(
        &self,
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Loaded, ConfigError> {
        let mut loaded = Loaded {
            table: Table::new(),
        };
        for setting in &self.settings {
            loaded.set(setting, setting.default_value());
        }
        if let Some(path) = file {
            self.overlay_file(&mut loaded, path)?;
        }
        let prefix = self.environment_prefix();
        let ours = environment
            .into_iter()
            .filter(|(name, _)| name.starts_with(&prefix));
        let named = |setting: &Setting| self.environment_name(setting);
        self.overlay_texts(&mut loaded, "environment", ours, named)?;
        self.overlay_texts(&mut loaded, "flags", flags, Setting::flag_name)?;
        Ok(loaded)
    }

    fn overlay_file(&self, loaded: &mut Loaded, path: &Path) -> Result<(), ConfigError> {
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let table: Table = text.parse().map_err(|source| ConfigError::Syntax {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        let origin = path.display().to_string();
        for (section, content) in table {
            let Value::Table(content) = content else {
                return Err(self.unknown(&origin, section, |setting| setting.key().to_owned()));
            };
            for (name, value) in content {
                let key = format!("{section}.{name}");
                self.overlay(
                    loaded,
                    &origin,
                    key,
                    |setting| setting.key().to_owned(),
                    |_| Ok(value),
                )?;
            }
        }
        Ok(())
    }

    fn overlay_texts(
        &self,
        loaded: &mut Loaded,
        origin: &str,
        texts: impl IntoIterator<Item = (String, String)>,
        name_of: impl Fn(&Setting) -> String,
    ) -> Result<(), ConfigError> {
        for (name, text) in texts {
            self.overlay(loaded, origin, name, &name_of, |setting| {
                setting.parse(&text)
            })?;
        }
        Ok(())
    }

    fn overlay(
        &self,
        loaded: &mut Loaded,
        origin: &str,
        name: String,
        name_of: impl Fn(&Setting) -> String,
        value: impl FnOnce(&Setting) -> Result<Value, &'static str>,
    ) -> Result<(), ConfigError> {
        let Some(setting) = self
            .settings
            .iter()
            .find(|setting| name_of(setting) == name)
        else {
            return Err(self.unknown(origin, name, name_of));
        };
        let value = value(setting).and_then(|value| setting.fits(&value).map(|()| value));
        let value = value.map_err(|rule| ConfigError::Value {
            origin: origin.to_owned(),
            name,
            rule: rule.to_owned(),
        })?;
        loaded.set(setting, value);
        Ok(())
    }

    fn unknown(
        &self,
        origin: &str,
        name: String,
        name_of: impl Fn(&Setting) -> String,
    ) -> ConfigError {
        let nearest = self.settings.iter().map(|setting| {
            let known = name_of(setting);
            // Who leaves out the section (`CONSILIUM_KGC_LISTEN`) means the setting, too; what is left is short, and must be liker.
            let short = distance(&setting.without_section(&known), &name).saturating_add(2);
            (short.min(distance(&known, &name)), known)
        });
        let nearest = nearest.min_by_key(|(distance, _)| *distance);
        let suggestion = nearest.filter(|(distance, _)| *distance <= 4);
        ConfigError::Unknown {
            service: self.service,
            origin: origin.to_owned(),
            name,
            suggestion: suggestion.map(|(_, known)| known),
        }
    }
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i.saturating_add(1);
        let mut next = vec![left];
        for (above, to) in row.iter().skip(1).zip(b.chars()) {
            let change = diagonal.saturating_add(usize::from(from != to));
            left = change
                .min(above.saturating_add(1))
                .min(left.saturating_add(1));
            next.push(left);
            diagonal = *above;
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

/// Settings, every one with a value of its type.
#[derive(Debug, Clone)]
pub struct Loaded {
    table: Table,
}

impl Loaded {
    /// A section as the service's own type.
    ///
    /// # Errors
    /// [`ConfigError::Value`] naming the setting whose value breaks the type's rules.
    pub fn section<T: DeserializeOwned>(&self, section: &str) -> Result<T, ConfigError> {
        let table = self
            .table
            .get(section)
            .cloned()
            .unwrap_or_else(|| Value::Table(Table::new()));
        serde_path_to_error::deserialize(table).map_err(|error| ConfigError::Value {
            origin: "settings".to_owned(),
            name: format!("{section}.{}", error.path()),
            rule: format!("is not usable: {}", error.inner().message()),
        })
    }

    fn set(&mut self, setting: &Setting, value: Value) {
        let (section, name) = setting.section_and_name();
        let entry = self
            .table
            .entry(section)
            .or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(table) = entry {
            table.insert(name.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{FRAME_SETTINGS, FrameSettings};

    const OWN: &[Setting] = &[
        Setting::list("node.peers", &[], "Peers."),
        Setting::flag("node.validator", false, "Whether it votes."),
    ];

    fn schema() -> Schema {
        Schema::new("kgc", &[FRAME_SETTINGS, OWN])
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect()
    }

    fn load(
        file: &str,
        environment: &[(&str, &str)],
        flags: &[(&str, &str)],
    ) -> Result<Loaded, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kgc.toml");
        fs::write(&path, file).unwrap();
        schema().load(Some(&path), pairs(environment), pairs(flags))
    }

    #[test]
    fn the_flag_wins_over_the_environment_and_that_over_the_file() {
        let file = "[http]\nlisten = \"127.0.0.1:1\"\nworkers = 7\n[limits]\nburst = 9\n";
        let environment = [
            ("CONSILIUM_KGC_HTTP_LISTEN", "127.0.0.1:2"),
            ("CONSILIUM_KGC_LIMITS_BURST", "8"),
            ("PATH", "x"),
        ];
        let loaded = load(file, &environment, &[("http-listen", "127.0.0.1:3")]).unwrap();
        let settings = FrameSettings::from_loaded(&loaded).unwrap();
        assert_eq!(settings.http.listen.port(), 3);
        assert_eq!(settings.limits.burst, 8);
        assert_eq!(settings.http.workers, 7);
        assert_eq!(settings.http.max_body_bytes, 1 << 20, "the default");
    }

    #[test]
    fn an_unknown_name_is_refused_and_named() {
        for refused in [
            load("[http]\nlisen = \"x\"\n", &[], &[]),
            load("", &[("CONSILIUM_KGC_HTTP_LISEN", "x")], &[]),
            load("", &[], &[("http-lisen", "x")]),
            load("[htpt]\nlisten = \"x\"\n", &[], &[]),
            load("listen = \"x\"\n", &[], &[]),
        ] {
            let text = refused.unwrap_err().to_string().to_lowercase();
            assert!(
                text.contains("there is no setting") && text.contains("lis"),
                "{text}"
            );
        }
        let text = load("[http]\nlisen = \"x\"\n", &[], &[])
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("kgc.toml") && text.contains("did you mean http.listen?"),
            "{text}"
        );
    }

    #[test]
    fn who_leaves_out_the_section_is_told_the_whole_name_and_anybody_else_where_they_stand() {
        let said = |name| load("", &[(name, "1")], &[]).unwrap_err().to_string();
        let text = said("CONSILIUM_KGC_MAX_BODY_BYTES");
        assert!(
            text.ends_with("did you mean CONSILIUM_KGC_HTTP_MAX_BODY_BYTES?"),
            "{text}"
        );
        let text = said("CONSILIUM_KGC_COLOUR_OF_THE_DOOR");
        assert!(
            text.ends_with("`consilium kgc serve --help` lists them"),
            "{text}"
        );
        let top = load("listen = \"x\"\n", &[], &[]).unwrap_err().to_string();
        assert!(top.ends_with("did you mean http.listen?"), "{top}");
    }

    #[test]
    fn a_value_of_another_type_is_refused_and_named() {
        let text = load("[http]\nworkers = \"two\"\n", &[], &[])
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("http.workers must be a whole number"),
            "{text}"
        );
        let text = load("", &[("CONSILIUM_KGC_NODE_VALIDATOR", "yes")], &[])
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("CONSILIUM_KGC_NODE_VALIDATOR must be true or false"),
            "{text}"
        );
        let loaded = load("[http]\nlisten = \"nowhere\"\n", &[], &[]).unwrap();
        let text = FrameSettings::from_loaded(&loaded).unwrap_err().to_string();
        assert!(text.contains("http.listen is not usable"), "{text}");
        let loaded = load("[audit]\nsync = \"never\"\n", &[], &[]).unwrap();
        let text = FrameSettings::from_loaded(&loaded).unwrap_err().to_string();
        assert!(text.contains("each-line"), "{text}");
    }

    #[test]
    fn the_commented_file_is_the_defaults() {
        let from_file = load(&schema().commented_file(), &[], &[]).unwrap();
        let defaults = schema().load(None, [], []).unwrap();
        assert_eq!(from_file.table, defaults.table);
        FrameSettings::from_loaded(&defaults).unwrap();
    }

    #[test]
    fn the_commented_file_has_the_given_values_in_their_section_only() {
        let given = [("http.listen".to_owned(), "\"127.0.0.1:9\"".to_owned())];
        let file = schema().commented_file_with(&given);
        let default = "listen = \"127.0.0.1:8440\"\n";
        let expected = schema()
            .commented_file()
            .replace(default, "listen = \"127.0.0.1:9\"\n");
        assert!(schema().commented_file().contains(default));
        assert_eq!(file, expected);
        let settings = FrameSettings::from_loaded(&load(&file, &[], &[]).unwrap()).unwrap();
        assert_eq!(settings.http.listen.port(), 9);
    }

    #[test]
    fn lists_have_commas_in_the_environment() {
        let loaded = load("", &[("CONSILIUM_KGC_NODE_PEERS", "a, b,")], &[]).unwrap();
        let peers = loaded.table["node"]["peers"].as_array().unwrap();
        assert_eq!(
            peers.iter().filter_map(Value::as_str).collect::<Vec<_>>(),
            ["a", "b"]
        );
    }
}
