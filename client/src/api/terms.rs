//! Closed sets of words that requests use, the same as the contracts'.

use std::fmt;
use std::str::FromStr;

use consilium_contracts as contracts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A word that is not in the set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {expected}")]
pub struct UnknownWord {
    expected: String,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// Every word of the set.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl From<$name> for contracts::$name {
            fn from(word: $name) -> Self {
                match word {
                    $($name::$variant => Self::$variant,)*
                }
            }
        }

        impl From<contracts::$name> for $name {
            fn from(word: contracts::$name) -> Self {
                match word {
                    $(contracts::$name::$variant => Self::$variant,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                let found = Self::ALL.iter().copied().find(|word| word.as_str() == text);
                found.ok_or_else(|| {
                    let words: Vec<_> = Self::ALL.iter().map(|word| word.as_str()).collect();
                    UnknownWord { expected: words.join(", ") }
                })
            }
        }
    };
}

words! {
    /// Why a record is used, after HL7's PurposeOfUse.
    PurposeOfUse {
        /// Treatment, consultation included.
        Treatment = "treatment",
        /// Emergency treatment.
        EmergencyTreatment = "emergency-treatment",
        /// Research.
        Research = "research",
        /// Public health.
        PublicHealth = "public-health",
        /// Operations of a hospital.
        Operations = "operations",
    }
}

words! {
    /// Why a patient complains about a report's content; no free text, for the ledger forgets nothing.
    ComplaintReason {
        /// It cannot be read: empty, garbage, another language.
        Unreadable = "unreadable",
        /// It is about somebody else.
        OtherPatient = "other-patient",
        /// It leaves out what the record asks for.
        Incomplete = "incomplete",
        /// It contradicts the record or itself.
        Incorrect = "incorrect",
        /// Anything else.
        Other = "other",
    }
}

words! {
    /// What is wrong with a report that does not open.
    ReportDefect {
        /// The header is no header.
        Header = "header",
        /// The header names another federation, record, doctor or key.
        Context = "context",
        /// c is no residue coprime to N, as long as it.
        Encapsulation = "encapsulation",
        /// The header does not commit to the key that z gives.
        Commitment = "commitment",
        /// The ciphertext does not decrypt.
        Ciphertext = "ciphertext",
        /// The plaintext is no report.
        Plaintext = "plaintext",
        /// The doctor's signature inside is wrong.
        InnerSignature = "inner-signature",
    }
}

words! {
    /// Why a doctor is revoked; no free text, for the ledger forgets nothing.
    RevocationReason {
        /// The doctor left the hospital.
        Departed = "departed",
        /// A key was lost.
        KeyLost = "key-lost",
        /// A key may be known to others.
        KeyCompromised = "key-compromised",
        /// The doctor broke the rules.
        Misconduct = "misconduct",
        /// Anything else.
        Other = "other",
    }
}
