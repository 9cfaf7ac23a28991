//! The API's description is the golden file's.

use consilium_service::openapi::{check_golden, describe};

#[test]
fn the_api_is_the_one_that_was_agreed_on() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let description = describe(consilium_gateway::description());
    check_golden(path.as_ref(), &description).unwrap();
}
