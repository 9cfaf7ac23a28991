//! Who gets in, who does not, and what he is told.

use crate::common::{Running, Sum, doctor, patient, plain, refused, start, start_with, stranger};
use consilium_client::api::auth::{
    ASSERTION_TYPE, AssertionClaims, GRANT_TYPE, TokenRequest, TokenResponse,
};
use consilium_client::api::errors::OperationOutcome;
use consilium_client::jws::{self, TokenKind};
use consilium_client::wire::SecretText;
use consilium_schemes::signature::SigningKey;

const ONE: Sum = Sum { terms: Vec::new() };

/// An assertion that is right, to be spoilt.
fn claims(service: &Running, key: &SigningKey) -> AssertionClaims {
    let now = service.frame.clock().now_s();
    let principal = key.verifying_key().into();
    AssertionClaims {
        iss: principal,
        sub: principal,
        aud: format!("{}/v1/token", service.url),
        iat: now,
        exp: now + 60,
        jti: "once".into(),
    }
}

async fn post_token(
    service: &Running,
    assertion: String,
    scope: Option<&str>,
) -> Result<TokenResponse, (u16, String, String)> {
    let form = TokenRequest {
        grant_type: GRANT_TYPE.into(),
        client_assertion_type: ASSERTION_TYPE.into(),
        client_assertion: SecretText::new(assertion),
        scope: scope.map(str::to_owned),
    };
    let url = format!("{}/v1/token", service.url);
    let answer = plain().post(url).form(&form).send().await.unwrap();
    let status = answer.status().as_u16();
    if status == 200 {
        return Ok(answer.json().await.unwrap());
    }
    let outcome: OperationOutcome = answer.json().await.unwrap();
    Err((
        status,
        outcome.code().unwrap().to_string(),
        outcome.text().unwrap().to_owned(),
    ))
}

async fn token(
    service: &Running,
    key: &SigningKey,
    change: impl FnOnce(&mut AssertionClaims),
) -> Result<TokenResponse, (u16, String, String)> {
    let mut claims = claims(service, key);
    change(&mut claims);
    post_token(service, jws::sign(TokenKind::Assertion, key, &claims), None).await
}

#[tokio::test]
async fn a_known_key_gets_a_token_and_is_served() {
    let service = start();
    let client = service.client(Some(doctor()));
    let total: u64 = client
        .post(
            "/v1/sum",
            &Sum {
                terms: vec![1, 2, 3],
            },
        )
        .await
        .unwrap();
    assert_eq!(total, 6);
    let lines = service.audit_lines();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["who"], doctor().verifying_key().to_string());
    assert_eq!(lines[0]["action"], "sum");
    assert_eq!(lines[0]["height"], 7);
    assert_eq!(lines[0]["request"].as_str().unwrap().len(), 32);
}

#[tokio::test]
async fn every_rule_of_an_assertion_is_checked_and_named() {
    let service = start();
    let doctor = doctor();
    let other = stranger().verifying_key().into();
    for (rule, spoilt) in [
        (
            "exp is over",
            token(&service, &doctor, |claims| claims.exp = claims.iat).await,
        ),
        (
            "exp must be",
            token(&service, &doctor, |claims| claims.exp += 600).await,
        ),
        (
            "iat is in",
            token(&service, &doctor, |claims| claims.iat += 40).await,
        ),
        (
            "aud must be",
            token(&service, &doctor, |claims| {
                claims.aud = "https://other/v1/token".into()
            })
            .await,
        ),
        (
            "iss and sub",
            token(&service, &doctor, |claims| claims.sub = other).await,
        ),
        (
            "signature",
            token(&service, &doctor, |claims| {
                (claims.iss, claims.sub) = (other, other)
            })
            .await,
        ),
        (
            "jti must",
            token(&service, &doctor, |claims| claims.jti = "x".repeat(129)).await,
        ),
    ] {
        let (status, code, text) = spoilt.unwrap_err();
        assert_eq!(
            (status, code.as_str()),
            (401, "invalid-assertion"),
            "{rule}"
        );
        assert!(text.contains(rule), "{rule}: {text}");
    }
    token(&service, &doctor, |_| ()).await.unwrap();
}

#[tokio::test]
async fn an_assertion_is_used_once() {
    let service = start();
    token(&service, &doctor(), |_| ()).await.unwrap();
    let (status, code, text) = token(&service, &doctor(), |_| ()).await.unwrap_err();
    assert_eq!((status, code.as_str()), (401, "invalid-assertion"));
    assert!(text.contains("jti was used before"), "{text}");
    token(&service, &doctor(), |claims| claims.jti = "twice".into())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_stranger_and_a_scope_one_does_not_have_are_refused() {
    let service = start();
    let (status, code, _) = token(&service, &stranger(), |_| ()).await.unwrap_err();
    assert_eq!((status, code.as_str()), (403, "scope-refused"));
    let assertion = jws::sign(
        TokenKind::Assertion,
        &doctor(),
        &claims(&service, &doctor()),
    );
    let (status, code, _) = post_token(&service, assertion, Some("kgc.admin"))
        .await
        .unwrap_err();
    assert_eq!((status, code.as_str()), (403, "scope-refused"));
    let client = service.client(Some(patient()));
    let (status, code, text) = refused(client.post::<_, u64>("/v1/sum", &ONE).await);
    assert_eq!((status, code.as_str()), (403, "forbidden"));
    assert!(text.contains("doctor"), "{text}");
    assert!(service.audit_lines().is_empty());
}

#[tokio::test]
async fn a_bearer_token_that_is_missing_changed_foreign_or_an_assertion_is_refused() {
    let (service, other) = (start(), start());
    let good = token(&service, &doctor(), |_| ()).await.unwrap();
    let good = good.access_token.expose_secret().to_owned();
    let foreign = token(&other, &doctor(), |_| ()).await.unwrap();
    let mut changed = good.clone().into_bytes();
    let middle = changed.len() / 2;
    changed[middle] = if changed[middle] == b'A' { b'B' } else { b'A' };
    let assertion = jws::sign(
        TokenKind::Assertion,
        &doctor(),
        &claims(&service, &doctor()),
    );
    let call = |authorization: String| {
        let request = plain().post(format!("{}/v1/sum", service.url)).json(&ONE);
        async move {
            request
                .header("authorization", authorization)
                .send()
                .await
                .unwrap()
                .status()
        }
    };
    assert_eq!(call(format!("Bearer {good}")).await, 200);
    for bad in [
        String::new(),
        "Bearer ".into(),
        format!("Basic {good}"),
        format!("Bearer {}", String::from_utf8(changed).unwrap()),
        format!("Bearer {}", foreign.access_token.expose_secret()),
        format!("Bearer {assertion}"),
    ] {
        assert_eq!(call(bad.clone()).await, 401, "{bad}");
    }
}

#[tokio::test]
async fn an_expired_token_is_renewed_by_the_client_unasked() {
    let service = start_with(None, &[("auth-token-lifetime-s", "30")]);
    let held = token(&service, &doctor(), |_| ()).await.unwrap();
    let client = service.client(Some(doctor()));
    client.post::<_, u64>("/v1/sum", &ONE).await.unwrap();
    // The service's clock goes on, the client's does not: it learns from the refusal.
    service.advance(40);
    client.post::<_, u64>("/v1/sum", &ONE).await.unwrap();
    let stale = plain()
        .post(format!("{}/v1/sum", service.url))
        .bearer_auth(held.access_token.expose_secret())
        .json(&ONE);
    let outcome: OperationOutcome = stale.send().await.unwrap().json().await.unwrap();
    assert_eq!(outcome.code().unwrap().as_str(), "token-expired");
}

#[tokio::test]
async fn too_many_calls_are_refused_with_the_time_to_wait() {
    let service = start_with(
        None,
        &[("limits-burst", "3"), ("limits-requests-per-minute", "60")],
    );
    let client = service.client(Some(doctor()));
    for _ in 0..3 {
        client.post::<_, u64>("/v1/sum", &ONE).await.unwrap();
    }
    let (status, code, _) = refused(client.post::<_, u64>("/v1/sum", &ONE).await);
    assert_eq!((status, code.as_str()), (429, "rate-limited"));
    service.advance(1);
    client.post::<_, u64>("/v1/sum", &ONE).await.unwrap();
}
