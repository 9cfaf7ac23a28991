//! What the made-up patients have: clinical pictures with their codes.

/// A code with a name in our own words.
pub(super) type Code = (&'static str, &'static str);

/// A condition with what usually goes with it.
pub(super) struct Picture {
    pub(super) name: &'static str,
    /// As ICD-10-CM writes it; ICD-10-GM patients get `gm`.
    pub(super) icd10cm: &'static str,
    pub(super) gm: &'static str,
    pub(super) snomed: Option<Code>,
    /// RxNorm ingredient.
    pub(super) medication: Code,
    /// LOINC, unit, usual value in tenths, and how far it varies.
    pub(super) observation: (Code, &'static str, u32, u32),
    /// SNOMED CT.
    pub(super) procedure: Code,
}

/// The pictures, common ones first: patients draw the first ones more often.
#[rustfmt::skip]
pub(super) const PICTURES: [Picture; 12] = [
    Picture { name: "Type 2 diabetes", icd10cm: "E11.9", gm: "E11.90", snomed: Some(("44054006", "Diabetes of type 2")), medication: ("6809", "metformin"), observation: (("4548-4", "Haemoglobin A1c"), "%", 72, 30), procedure: ("170777000", "Yearly diabetes review") },
    Picture { name: "High blood pressure", icd10cm: "I10", gm: "I10.90", snomed: Some(("38341003", "High blood pressure")), medication: ("29046", "lisinopril"), observation: (("8480-6", "Systolic pressure"), "mm[Hg]", 1450, 300), procedure: ("164847006", "Standard ECG") },
    Picture { name: "Asthma", icd10cm: "J45.909", gm: "J45.9", snomed: Some(("195967001", "Asthma")), medication: ("435", "salbutamol"), observation: (("19926-5", "FEV1 to FVC"), "%", 680, 150), procedure: ("127783003", "Spirometry") },
    Picture { name: "Coronary heart disease", icd10cm: "I25.10", gm: "I25.19", snomed: Some(("53741008", "Disease of the coronary arteries")), medication: ("1191", "aspirin"), observation: (("13457-7", "LDL cholesterol"), "mg/dL", 1100, 500), procedure: ("33367005", "Picture of the coronary arteries") },
    Picture { name: "Depressive episode", icd10cm: "F32.1", gm: "F32.1", snomed: Some(("35489007", "Depression")), medication: ("36437", "sertraline"), observation: (("44261-6", "PHQ-9 sum"), "{score}", 140, 60), procedure: ("171207006", "Screening for depression") },
    Picture { name: "COPD", icd10cm: "J44.9", gm: "J44.99", snomed: Some(("13645005", "Chronic obstruction of the airways")), medication: ("69120", "tiotropium"), observation: (("19926-5", "FEV1 to FVC"), "%", 550, 150), procedure: ("127783003", "Spirometry") },
    Picture { name: "Heart failure", icd10cm: "I50.9", gm: "I50.19", snomed: Some(("84114007", "Failing heart")), medication: ("20352", "carvedilol"), observation: (("33762-6", "NT-proBNP"), "pg/mL", 9000, 6000), procedure: ("40701008", "Ultrasound of the heart") },
    Picture { name: "Cancer of the breast", icd10cm: "C50.912", gm: "C50.9", snomed: Some(("254837009", "Malignant tumour of the breast")), medication: ("10324", "tamoxifen"), observation: (("718-7", "Haemoglobin"), "g/dL", 118, 30), procedure: ("71651007", "Mammography") },
    Picture { name: "Rheumatoid arthritis", icd10cm: "M06.9", gm: "M06.99", snomed: Some(("69896004", "Rheumatoid arthritis")), medication: ("6851", "methotrexate"), observation: (("1988-5", "C-reactive protein"), "mg/L", 210, 150), procedure: ("387713003", "Operation") },
    Picture { name: "Disease of the kidneys, stage 3", icd10cm: "N18.30", gm: "N18.3", snomed: Some(("433144002", "Chronic kidney disease, stage 3")), medication: ("4603", "furosemide"), observation: (("33914-3", "Estimated filtration"), "mL/min", 450, 120), procedure: ("265764009", "Dialysis") },
    Picture { name: "Epilepsy", icd10cm: "G40.909", gm: "G40.9", snomed: Some(("84757009", "Epilepsy")), medication: ("28439", "lamotrigine"), observation: (("718-7", "Haemoglobin"), "g/dL", 138, 20), procedure: ("54550000", "EEG") },
    Picture { name: "Amyotrophic lateral sclerosis", icd10cm: "G12.21", gm: "G12.2", snomed: None, medication: ("35623", "riluzole"), observation: (("1988-5", "C-reactive protein"), "mg/L", 20, 15), procedure: ("42803009", "Electromyography") },
];

/// Allergies, SNOMED CT.
pub(super) const ALLERGIES: [Code; 3] = [
    ("91936005", "Allergy to penicillin"),
    ("91935009", "Allergy to peanut"),
    ("232347008", "Allergy to animal dander"),
];

pub(super) const FAMILY: [&str; 12] = [
    "Aalto",
    "Brandt",
    "Calloway",
    "Dimitrov",
    "Eriksen",
    "Fontaine",
    "Grünwald",
    "Horvat",
    "Ibarra",
    "Jansen",
    "Kowalczyk",
    "Lindqvist",
];

pub(super) const GIVEN: [&str; 12] = [
    "Ada", "Bruno", "Clara", "Dario", "Elif", "Frida", "Goran", "Hanna", "Ivo", "Jun", "Katja",
    "Luís",
];
