//! DICOM files: walked to their end in constant memory, their keywords read from the header.
//!
//! `dicom-rs` decodes text (its character sets and value representations) and the file meta group.
//! It is given only a few short values in a data set that we write ourselves ([`encode`]): its readers
//! take values of any claimed length into memory, and its lazy reader does not notice a value that
//! the file ends within. The structure is therefore walked here ([`walk`]): each element's header is
//! read, each value skipped, so that a file is known to be whole and its size costs nothing.
//!
//! Accepted: PS3.10 files with preamble; without preamble, from `DICM` or from the meta group on;
//! bare data sets without meta group, little or big endian, explicit or implicit; every transfer
//! syntax (compressed pixel data is not decoded); deflated data sets; all of it gzipped. Refused: a
//! file that ends inside an element or an open sequence, a broken structure, a DICOMDIR. A file that was
//! cut exactly between two elements is a whole data set of fewer elements; it is refused where what is
//! left announces what is missing ([`ending`], which also says what stays unseen).

mod encode;
mod ending;
mod header;
mod meta;
mod source;
mod syntax;
mod walk;

pub(crate) use encode::{element, file as write_file};
pub(crate) use header::{Image, read};
pub(crate) use syntax::looks_like_dicom;
