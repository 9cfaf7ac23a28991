//! The API's description: generated from the handlers, served, and kept as a golden file.

use std::fs;
use std::path::Path;

use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Description;

/// The endpoints that the frame itself answers.
#[derive(OpenApi)]
#[openapi(paths(
    crate::auth::endpoint::token,
    crate::common::healthz,
    crate::common::readyz,
    crate::common::metrics
))]
struct FrameApi;

/// A service's description with the frame's endpoints in it.
pub fn describe(service: Description) -> Description {
    let mut whole = service;
    whole.merge(FrameApi::openapi());
    whole
}

/// Compares a description with its golden file; with `UPDATE_GOLDEN=1` in the environment, writes it.
///
/// # Errors
/// What differs and how to accept it, for a test to print.
pub fn check_golden(path: &Path, description: &Description) -> Result<(), String> {
    let mut text = description
        .to_pretty_json()
        .map_err(|error| error.to_string())?;
    text.push('\n');
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        return fs::write(path, &text).map_err(|error| format!("{}: {error}", path.display()));
    }
    let golden = fs::read_to_string(path).unwrap_or_default();
    let Some(line) = first_difference(&golden, &text) else {
        return Ok(());
    };
    Err(format!(
        "{} differs from the API in line {line}; if the change is meant, run the test with UPDATE_GOLDEN=1",
        path.display()
    ))
}

fn first_difference(golden: &str, text: &str) -> Option<usize> {
    if golden == text {
        return None;
    }
    let same = golden
        .lines()
        .zip(text.lines())
        .take_while(|(a, b)| a == b)
        .count();
    Some(same.saturating_add(1))
}
