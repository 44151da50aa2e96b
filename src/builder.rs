//! The `Sweep` builder.
