//! Compiles the library of our own; SQLite comes with its package.

fn main() {
    println!("cargo::rerun-if-changed=c/names.c");
    cc::Build::new().file("c/names.c").warnings_into_errors(true).compile("names");
}
