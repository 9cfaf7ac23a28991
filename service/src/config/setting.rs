//! One setting: its name, its default and with it its type, its meaning.

use toml::Value;

/// A setting: `section.name`, its default, its meaning.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    key: &'static str,
    default: Default,
    help: &'static str,
}

/// A default, and with it the setting's type.
#[derive(Debug, Clone, Copy)]
enum Default {
    Text(&'static str),
    Integer(i64),
    Flag(bool),
    List(&'static [&'static str]),
}

impl Setting {
    /// A text.
    pub const fn text(key: &'static str, default: &'static str, help: &'static str) -> Self {
        Self {
            key,
            default: Default::Text(default),
            help,
        }
    }

    /// A whole number.
    pub const fn integer(key: &'static str, default: i64, help: &'static str) -> Self {
        Self {
            key,
            default: Default::Integer(default),
            help,
        }
    }

    /// `true` or `false`.
    pub const fn flag(key: &'static str, default: bool, help: &'static str) -> Self {
        Self {
            key,
            default: Default::Flag(default),
            help,
        }
    }

    /// Texts; in the environment and in flags, with commas between them.
    pub const fn list(
        key: &'static str,
        default: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self {
            key,
            default: Default::List(default),
            help,
        }
    }

    /// `section.name`.
    pub const fn key(&self) -> &'static str {
        self.key
    }

    /// What it means.
    pub const fn help(&self) -> &'static str {
        self.help
    }

    /// The flag's name without the dashes: `http-listen`.
    pub fn flag_name(&self) -> String {
        self.key.replace(['.', '_'], "-")
    }

    pub(super) fn section_and_name(&self) -> (&'static str, &'static str) {
        self.key.split_once('.').unwrap_or(("", self.key))
    }

    /// One of its names (as a key, in the environment, of the flag) without the section. All have the key's length behind what comes before.
    pub(super) fn without_section(&self, name: &str) -> String {
        let (_, own) = self.section_and_name();
        let part = |length: usize| name.len().saturating_sub(length);
        let before = name.get(..part(self.key.len())).unwrap_or_default();
        let own = name.get(part(own.len())..).unwrap_or_default();
        format!("{before}{own}")
    }

    pub(super) fn default_value(&self) -> Value {
        match self.default {
            Default::Text(text) => Value::from(text),
            Default::Integer(number) => Value::from(number),
            Default::Flag(flag) => Value::from(flag),
            Default::List(texts) => {
                Value::Array(texts.iter().map(|text| Value::from(*text)).collect())
            }
        }
    }

    /// A value from a text, as the environment and flags have it.
    pub(super) fn parse(&self, text: &str) -> Result<Value, &'static str> {
        match self.default {
            Default::Text(_) => Ok(Value::from(text)),
            Default::Integer(_) => text
                .trim()
                .parse::<i64>()
                .map(Value::from)
                .map_err(|_| "must be a whole number"),
            Default::Flag(_) => text
                .trim()
                .parse::<bool>()
                .map(Value::from)
                .map_err(|_| "must be true or false"),
            Default::List(_) => {
                let items = text
                    .split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty());
                Ok(Value::Array(items.map(Value::from).collect()))
            }
        }
    }

    pub(super) fn fits(&self, value: &Value) -> Result<(), &'static str> {
        match (self.default, value) {
            (Default::Text(_), Value::String(_))
            | (Default::Integer(_), Value::Integer(_))
            | (Default::Flag(_), Value::Boolean(_)) => Ok(()),
            (Default::List(_), Value::Array(items)) if items.iter().all(Value::is_str) => Ok(()),
            (Default::Text(_), _) => Err("must be a text"),
            (Default::Integer(_), _) => Err("must be a whole number"),
            (Default::Flag(_), _) => Err("must be true or false"),
            (Default::List(_), _) => Err("must be a list of texts"),
        }
    }
}
