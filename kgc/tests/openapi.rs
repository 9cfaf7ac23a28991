//! The API's description is what the golden file says.

use std::path::Path;

#[test]
fn the_description_is_the_golden_file() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let description = consilium_service::openapi::describe(consilium_kgc::description());
    consilium_service::openapi::check_golden(&golden, &description).unwrap();
}
