//! Attribute, builder and environment, read once.
