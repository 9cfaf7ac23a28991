//! JSON bodies: bounded, and refused with the field and the rule.

use std::future::ready;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use consilium_client::api::errors::codes;
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;

use crate::error::ApiError;
use crate::frame::Frame;

/// The most bytes of JSON that a route takes, where it is not the service's default: `.app_data(BodyLimit::bytes(n))` on the resource.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimit(usize);

impl BodyLimit {
    /// So many bytes.
    pub const fn bytes(limit: usize) -> Self {
        Self(limit)
    }
}

/// A JSON body of a call that needs no caller (an invitation is redeemed, say). Everything else takes [`crate::Call`].
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for JsonBody<T> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        // No caller to limit: the address is.
        let limited = Frame::of(request).and_then(|frame| frame.limit_address(request));
        if let Err(error) = limited {
            return Box::pin(ready(Err(error)));
        }
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move { read_json(&request, payload).await.map(Self) })
    }
}

/// Reads and parses a JSON body within the route's limit.
pub(crate) async fn read_json<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: Payload,
) -> Result<T, ApiError> {
    if request.content_type() != "application/json" {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let text = "the body must be application/json";
        return Err(ApiError::new(status, codes::UNSUPPORTED_MEDIA_TYPE, text));
    }
    let limit = match request.app_data::<BodyLimit>() {
        Some(limit) => limit.0,
        None => Frame::of(request)?.settings().http.max_body_bytes,
    };
    parse_json(&read_body(request, payload, limit).await?)
}

async fn read_body(
    request: &HttpRequest,
    mut payload: Payload,
    limit: usize,
) -> Result<Vec<u8>, ApiError> {
    refuse_encoding(request)?;
    if declared_length(request)?.is_some_and(|length| length > limit as u64) {
        return Err(too_large(limit as u64));
    }
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(cut_off)?;
        if body.len().saturating_add(chunk.len()) > limit {
            return Err(too_large(limit as u64));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Compressed bodies are not taken: they would get round the limits.
pub(crate) fn refuse_encoding(request: &HttpRequest) -> Result<(), ApiError> {
    match request.headers().get(CONTENT_ENCODING) {
        None => Ok(()),
        Some(encoding) if encoding == "identity" => Ok(()),
        Some(_) => {
            let text = "the body must not be compressed";
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            Err(ApiError::new(status, codes::UNSUPPORTED_MEDIA_TYPE, text))
        }
    }
}

pub(crate) fn declared_length(request: &HttpRequest) -> Result<Option<u64>, ApiError> {
    let Some(header) = request.headers().get(CONTENT_LENGTH) else {
        return Ok(None);
    };
    let length = header.to_str().ok().and_then(|text| text.parse().ok());
    length
        .map(Some)
        .ok_or_else(|| ApiError::malformed("content-length", "must be a number"))
}

pub(crate) fn too_large(limit: u64) -> ApiError {
    let text = format!("the body is larger than the {limit} bytes that this takes");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, codes::BODY_TOO_LARGE, text)
}

pub(crate) fn cut_off(error: actix_web::error::PayloadError) -> ApiError {
    ApiError::malformed("body", "ends too early").because(error)
}

/// Parses, and on failure names the place by its path (`consent.hospitals[2]`) and the rule by serde's words.
fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    // RFC 8259 lets a parser take a byte order mark.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let parsed = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { "body".to_owned() } else { path };
        ApiError::malformed(field, error.inner())
    })?;
    deserializer
        .end()
        .map_err(|error| ApiError::malformed("body", error))?;
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        inner: Vec<Inner>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        count: u8,
    }

    fn refusal(body: &str) -> String {
        parse_json::<Outer>(body.as_bytes())
            .unwrap_err()
            .public()
            .to_owned()
    }

    #[test]
    fn a_refusal_names_the_field_and_the_rule() {
        let wrong = refusal(r#"{"inner":[{"count":1},{"count":"x"}]}"#);
        assert!(
            wrong.starts_with("inner[1].count: invalid type: string"),
            "{wrong}"
        );
        assert!(refusal(r#"{"inner":[{"count":300}]}"#).starts_with("inner[0].count: "));
        assert!(refusal(r#"{"inner":[{}]}"#).contains("missing field `count`"));
        assert!(refusal(r#"{"inner":[],"x":1}"#).contains("unknown field `x`"));
        assert!(refusal(r#"{"inner":[]} {}"#).contains("trailing characters"));
        assert!(refusal("").contains("EOF"));
        let deep = parse_json::<serde_json::Value>("[".repeat(100_000).as_bytes()).unwrap_err();
        assert!(deep.public().contains("recursion limit"), "{deep}");
    }

    #[test]
    fn a_byte_order_mark_is_taken() {
        let parsed: Outer = parse_json(b"\xef\xbb\xbf{\"inner\":[{\"count\":1}]}").unwrap();
        assert_eq!(
            parsed,
            Outer {
                inner: vec![Inner { count: 1 }]
            }
        );
    }
}
