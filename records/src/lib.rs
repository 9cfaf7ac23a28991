//! FHIR R4 and DICOM: parse, choose keywords, build a record.
