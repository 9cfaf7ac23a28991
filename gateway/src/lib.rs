//! The hospital gateway as a service.
