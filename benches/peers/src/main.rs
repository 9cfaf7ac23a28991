//! Does what it is asked on standard input, one operation a line, and answers with the nanoseconds that it took.
//!
//! A process of its own, so that the benchmarks of Consilium can measure its peers in the same run, by turns with its own algorithms,
//! without depending on them. Keys and ciphertexts are made before the first answer; each was opened once.

use std::hint::black_box;
use std::io::{self, BufRead as _, Write as _};
use std::time::{Duration, Instant};

use rabe::error::RabeError;
use rabe::schemes::{ac17, bsw, ghw11};
use rabe::utils::policy::pest::PolicyLanguage::JsonPolicy;

/// What is encrypted: as long as the secret in a capsule.
const PLAINTEXT: [u8; 32] = [7; 32];

/// How long each operation is done before its time is taken.
const WARM_UP: Duration = Duration::from_millis(10);

/// What can be asked for, by its name.
type Operation<'a> = (&'static str, Box<dyn Fn() -> Result<(), Refused> + 'a>);

/// Why there is no answer.
struct Refused(String);

/// So that `main` prints the message and not a structure.
impl std::fmt::Debug for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<RabeError> for Refused {
    fn from(error: RabeError) -> Self {
        Self(error.to_string())
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

fn main() -> Result<(), Refused> {
    let count: usize = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| refused("usage: consilium-bench-peers ATTRIBUTES"))?;
    let names: Vec<String> = (0..count)
        .map(|number| format!("attribute{number}"))
        .collect();
    let attributes: Vec<&str> = names.iter().map(String::as_str).collect();
    let leaves: Vec<String> = names
        .iter()
        .map(|name| format!(r#"{{"name": "{name}"}}"#))
        .collect();
    let and = |children: &str| format!(r#"{{"name": "and", "children": [{children}]}}"#);
    let policy = and(&leaves.join(", "));
    // AC17 takes an `and` of two only.
    let nested = leaves
        .into_iter()
        .rev()
        .reduce(|inner, leaf| and(&format!("{leaf}, {inner}")));
    let nested = nested.ok_or_else(|| refused("no attributes"))?;

    let (ac17_pk, ac17_msk) = ac17::setup();
    let ac17_key = ac17::cp_keygen(&ac17_msk, &attributes)?;
    let ac17_ct = ac17::cp_encrypt(&ac17_pk, &nested, &PLAINTEXT, JsonPolicy)?;
    opened(ac17::cp_decrypt(&ac17_key, &ac17_ct)?)?;

    let (bsw_pk, bsw_msk) = bsw::setup();
    let bsw_key = bsw::keygen(&bsw_pk, &bsw_msk, &attributes).ok_or_else(|| refused("BSW key"))?;
    let bsw_ct = bsw::encrypt(&bsw_pk, &policy, JsonPolicy, &PLAINTEXT)?;
    opened(bsw::decrypt(&bsw_key, &bsw_ct)?)?;

    let (ghw_pk, ghw_msk) = ghw11::setup();
    let ghw_key = ghw11::keygen(&ghw_pk, &ghw_msk, &names).ok_or_else(|| refused("GHW11 key"))?;
    let (transform_key, retrieve_key) =
        ghw11::tkgen(ghw_key).ok_or_else(|| refused("GHW11 transform key"))?;
    let ghw_ct = ghw11::encrypt(&ghw_pk, &policy, JsonPolicy, &PLAINTEXT)?;
    let transformed = ghw11::transform(ghw_ct.clone(), transform_key.clone())?;
    opened(ghw11::decrypt_out(
        transformed.clone(),
        retrieve_key.clone(),
        ghw_ct.data.clone(),
    )?)?;

    let operations: Vec<Operation<'_>> = vec![
        (
            "ac17/keygen",
            Box::new(|| done(ac17::cp_keygen(&ac17_msk, &attributes)?)),
        ),
        (
            "ac17/encrypt",
            Box::new(|| done(ac17::cp_encrypt(&ac17_pk, &nested, &PLAINTEXT, JsonPolicy)?)),
        ),
        (
            "ac17/decrypt",
            Box::new(|| done(ac17::cp_decrypt(&ac17_key, &ac17_ct)?)),
        ),
        (
            "bsw/keygen",
            Box::new(|| done(bsw::keygen(&bsw_pk, &bsw_msk, &attributes))),
        ),
        (
            "bsw/encrypt",
            Box::new(|| done(bsw::encrypt(&bsw_pk, &policy, JsonPolicy, &PLAINTEXT)?)),
        ),
        (
            "bsw/decrypt",
            Box::new(|| done(bsw::decrypt(&bsw_key, &bsw_ct)?)),
        ),
        (
            "ghw11/keygen",
            Box::new(|| done(ghw11::keygen(&ghw_pk, &ghw_msk, &names))),
        ),
        (
            "ghw11/encrypt",
            Box::new(|| done(ghw11::encrypt(&ghw_pk, &policy, JsonPolicy, &PLAINTEXT)?)),
        ),
        (
            "ghw11/transform",
            Box::new(|| done(ghw11::transform(ghw_ct.clone(), transform_key.clone())?)),
        ),
        (
            "ghw11/decrypt_out",
            Box::new(|| {
                let (transformed, key) = (transformed.clone(), retrieve_key.clone());
                done(ghw11::decrypt_out(transformed, key, ghw_ct.data.clone())?)
            }),
        ),
    ];
    answer(&operations)
}

/// Until nothing more is asked.
fn answer(operations: &[Operation<'_>]) -> Result<(), Refused> {
    let mut out = io::stdout();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let found = operations.iter().find(|(name, _)| *name == line);
        let (_, operation) = found.ok_or_else(|| refused(&format!("no operation {line:?}")))?;
        // As ours are measured, so that no processor is still asleep.
        let begun = Instant::now();
        while begun.elapsed() < WARM_UP {
            operation()?;
        }
        let begun = Instant::now();
        operation()?;
        writeln!(out, "{}", begun.elapsed().as_nanos())?;
        out.flush()?;
    }
    Ok(())
}

fn opened(plaintext: Vec<u8>) -> Result<(), Refused> {
    match plaintext == PLAINTEXT {
        true => Ok(()),
        false => Err(refused("a ciphertext opened to something else")),
    }
}

fn done<T>(result: T) -> Result<(), Refused> {
    black_box(result);
    Ok(())
}

fn refused(why: &str) -> Refused {
    Refused(why.to_owned())
}
