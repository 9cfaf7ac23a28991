//! A service's settings as flags: one for each, from the same list that makes the commented file.

use std::error::Error;
use std::marker::PhantomData;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use consilium_service::config::Schema;
use consilium_service::logging::{self, LogError};

use super::answer::Failure;

/// How a service's start ends the command: where a setting is wrong, as wrong usage, which a supervisor does not try again.
pub fn refused(wrong_setting: bool, error: impl Error + Send + Sync + 'static) -> Failure {
    match wrong_setting {
        true => Failure::Usage(error.to_string()),
        false => error.into(),
    }
}

/// Sets up the log, with the setting `log.filter`.
pub fn log(filter: &str) -> Result<(), Failure> {
    logging::init(filter).map_err(|error| refused(matches!(error, LogError::Filter(_)), error))
}

/// Which service's settings.
pub trait Service {
    /// Its settings.
    fn schema() -> Schema;
}

/// The key service's.
#[derive(Debug, Clone)]
pub struct KgcService;

impl Service for KgcService {
    fn schema() -> Schema {
        consilium_kgc::schema()
    }
}

/// The gateway's.
#[derive(Debug, Clone)]
pub struct GatewayService;

impl Service for GatewayService {
    fn schema() -> Schema {
        consilium_gateway::schema()
    }
}

/// The settings that were given as flags: name without dashes, and value.
#[derive(Debug, Clone)]
pub struct SettingFlags<S> {
    given: Vec<(String, String)>,
    service: PhantomData<S>,
}

impl<S> SettingFlags<S> {
    /// Each that was given.
    pub fn given(&self) -> Vec<(String, String)> {
        self.given.clone()
    }
}

impl<S: Service> FromArgMatches for SettingFlags<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let value = |key| matches.get_one::<String>(key).cloned();
        let schema = S::schema();
        let settings = schema.settings();
        let given = settings.filter_map(|one| Some((one.flag_name(), value(one.key())?)));
        Ok(Self {
            given: given.collect(),
            service: PhantomData,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl<S: Service> Args for SettingFlags<S> {
    fn augment_args(command: Command) -> Command {
        let schema = S::schema();
        let arguments = schema.settings().map(|setting| {
            Arg::new(setting.key())
                .long(setting.flag_name())
                .value_name("VALUE")
                .help(format!(
                    "{} ({})",
                    setting.help(),
                    schema.environment_name(setting)
                ))
                .help_heading("Settings")
        });
        command.args(arguments.collect::<Vec<_>>())
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}
