//! What a patient consents to, and the purposes of use.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::codec::OrderedSet;
use crate::ids::{BlockTime, HospitalId};

/// The most hospitals a consent names.
pub const MAX_CONSENT_HOSPITALS: usize = 64;
/// How many purposes there are.
pub const PURPOSES: usize = 5;

/// Why a record is used; the names follow HL7's PurposeOfUse value set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, BorshSerialize, BorshDeserialize)]
pub enum PurposeOfUse {
    /// TREAT: treatment, consultation included.
    Treatment,
    /// ETREAT: emergency treatment.
    EmergencyTreatment,
    /// HRESCH: research.
    Research,
    /// PUBHLTH: public health.
    PublicHealth,
    /// HOPERAT: operations of a hospital, such as quality assurance.
    Operations,
}

impl fmt::Display for PurposeOfUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Treatment => "treatment",
            Self::EmergencyTreatment => "emergency treatment",
            Self::Research => "research",
            Self::PublicHealth => "public health",
            Self::Operations => "operations",
        })
    }
}

/// A patient's consent: it bounds every authorization of the record.
///
/// The owner hospital always may match the record for its own doctors and is not listed.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct Consent {
    /// The hospitals that may be authorized.
    pub hospitals: OrderedSet<HospitalId, MAX_CONSENT_HOSPITALS>,
    /// The purposes they may be authorized for.
    pub purposes: OrderedSet<PurposeOfUse, PURPOSES>,
    /// From this block time on the consent is over.
    pub expiry: BlockTime,
}

impl Consent {
    /// Whether the consent lets `hospital` use the record for `purpose` at `time`.
    pub fn allows(&self, hospital: &HospitalId, purpose: PurposeOfUse, time: BlockTime) -> bool {
        time < self.expiry && self.hospitals.contains(hospital) && self.purposes.contains(&purpose)
    }
}
