//! For a program that is built without optimisation, the short way of an allocation (`src/hook/fast.rs`) is compiled here by itself,
//! with optimisation, to the assembly that the crate takes in: it is what every allocation of a test costs. Wherever that is
//! not possible the crate compiles it with everything else, and nothing but the speed changes.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The files that stand by themselves, under the paths that they have in the crate.
const ROOT: &str = r#"
#![no_std]
#![allow(dead_code, internal_features, unused_imports, unused_macros, warnings)]
extern crate core as std;
mod sys {
    #[path = "@/sys/bytes.rs"] pub(crate) mod bytes;
    #[path = "@/sys/words.rs"] pub(crate) mod words;
}
mod hook {
    #[path = "@/hook/local.rs"] pub(crate) mod local;
    #[path = "@/hook/fast.rs"] pub(crate) mod fast;
    pub(crate) mod blocks {
        #[path = "@/hook/blocks/classes.rs"] pub(crate) mod classes;
        #[path = "@/hook/blocks/meta.rs"] pub(crate) mod meta;
        #[path = "@/hook/blocks/shard.rs"] pub(crate) mod shard;
        #[path = "@/hook/blocks/span.rs"] pub(crate) mod span;
        #[path = "@/hook/blocks/zones.rs"] pub(crate) mod zones;
    }
}
use hook::fast::{self, Fast};
use hook::local::Local;
/// What is known of the calling thread, if it is the one that may go this way; else null.
#[inline(always)]
unsafe fn here(f: *const Fast) -> *const Local {
    let pointer: usize;
    unsafe { std::arch::asm!("mov {}, qword ptr fs:[0]", out(reg) pointer, options(nostack, readonly, preserves_flags)) };
    unsafe { if pointer == (*f).thread { (*f).key as *const Local } else { std::ptr::null() } }
}
#[unsafe(no_mangle)]
unsafe extern "C" fn oomsweep_fast_allocate_@V(f: *const Fast, size: usize, align: usize, kind: u8) -> *mut u8 {
    unsafe {
        let local = here(f);
        if local.is_null() { std::ptr::null_mut() } else { fast::allocate(f, local, size, align, kind) }
    }
}
#[unsafe(no_mangle)]
unsafe extern "C" fn oomsweep_fast_free_@V(f: *const Fast, address: usize, size: usize, align: usize) -> bool {
    unsafe {
        let local = here(f);
        !local.is_null() && fast::free(f, local, address, size, align)
    }
}
#[unsafe(no_mangle)]
unsafe extern "C" fn oomsweep_fast_look_back_@V(
    m: *mut hook::blocks::meta::Meta, s: *mut hook::blocks::shard::Shard, ring: *mut u32, kept: usize, next: usize, leaves: bool,
) -> usize {
    unsafe { fast::look_back(m, s, ring, kept, next, leaves) }
}
"#;

fn main() {
    println!("cargo:rustc-check-cfg=cfg(oomsweep_fast)");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/hook");
    println!("cargo:rerun-if-changed=src/sys");
    println!("cargo:rerun-if-env-changed=RUSTC_BOOTSTRAP");
    println!("cargo:rustc-check-cfg=cfg(oomsweep_std_allocator)");
    println!("cargo:rustc-check-cfg=cfg(oomsweep_allocator_gate)");
    if is_wanted() && compile().is_ok() {
        println!("cargo:rustc-cfg=oomsweep_fast");
    }
    name_the_allocator();
}

/// Says whether the standard library's `Allocator` can be named, and whether that takes a feature of the compiler's. Also where only
/// allocator-api2 0.2 was asked for: with its own feature `nightly`, which another package may turn on, its trait is that one.
fn name_the_allocator() {
    let is_on = |feature: &str| env::var_os(feature).is_some();
    if !is_on("CARGO_FEATURE_ALLOCATOR_API") && !is_on("CARGO_FEATURE_ALLOCATOR_API2_02") {
        return;
    }
    let is_stable = can_name_the_allocator("");
    if !is_stable && !can_name_the_allocator("#![feature(allocator_api)]") {
        return;
    }
    println!("cargo:rustc-cfg=oomsweep_std_allocator");
    if !is_stable {
        println!("cargo:rustc-cfg=oomsweep_allocator_gate");
    }
}

/// Whether the compiler takes the name of the standard library's `Allocator` in a crate that begins with `gate`.
fn can_name_the_allocator(gate: &str) -> bool {
    let (Some(compiler), Some(out)) = (env::var_os("RUSTC"), env::var_os("OUT_DIR").map(PathBuf::from)) else {
        return false;
    };
    let (source, made) = (out.join("allocator.rs"), out.join("allocator.rmeta"));
    let text = format!(
        "{gate}\n#![no_std]\npub use core::alloc::{{AllocError, Allocator}};\npub fn f(_: &dyn Allocator) {{}}\n"
    );
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    fs::write(&source, text).is_ok()
        && Command::new(compiler)
            .args(["--crate-type", "lib", "--crate-name", "allocator", "--edition", "2021", "--emit", "metadata"])
            .args(["--cap-lints", "allow", "-o"])
            .args([&made, &source])
            .args(env::var("TARGET").iter().flat_map(|target| ["--target", target]))
            .args(flags.split('\u{1f}').filter(|flag| !flag.is_empty()))
            .output()
            .is_ok_and(|done| done.status.success())
}

/// The program is built without optimisation, for a target whose assembly is known to be taken in, and nothing instruments it.
fn is_wanted() -> bool {
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let is_portable = cfg!(oomsweep_portable) || flags.contains("oomsweep_portable");
    let plain = !flags.contains("sanitizer") && !is_portable && env::var("CARGO_CFG_MIRI").is_err();
    plain
        && (is("OPT_LEVEL", "0") || is("OPT_LEVEL", "1"))
        && is("CARGO_CFG_TARGET_ARCH", "x86_64")
        && is("CARGO_CFG_TARGET_OS", "linux")
}

fn compile() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("no folder for it")?);
    let sources = Path::new(&env::var_os("CARGO_MANIFEST_DIR").ok_or("no folder of sources")?).join("src");
    let sources = sources.to_str().filter(|path| !path.contains(['"', '\\'])).ok_or("a path that can't be written")?;
    let version = env::var("CARGO_PKG_VERSION")?.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    let (root, assembly) = (out.join("fast_alone.rs"), out.join("fast_alone.s"));
    fs::write(&root, ROOT.replace("@V", &version).replace('@', sources))?;
    let done = Command::new(env::var_os("RUSTC").ok_or("no compiler")?)
        .args(["--crate-type", "lib", "--crate-name", "oomsweep_fast", "--edition", "2024", "--emit", "asm"])
        .args(["--cap-lints", "allow", "-Copt-level=3", "-Cpanic=abort", "-Ccodegen-units=1", "-Crelocation-model=pic"])
        .args(["-Cdebuginfo=0", "-Cdebug-assertions=off", "-Coverflow-checks=off", "-Cforce-unwind-tables=no"])
        .args(["--target", &env::var("TARGET")?, "-o"])
        .args([&assembly, &root])
        .output()?;
    if !done.status.success() {
        return Err(String::from_utf8_lossy(&done.stderr).into());
    }
    let text = taken_in(&fs::read_to_string(&assembly)?);
    // What it calls is C's; a call of Rust's own would be one to a panic.
    if text.contains("panick") {
        return Err("it can panic".into());
    }
    let body = format!("std::arch::global_asm!({text:?}, options(att_syntax, raw));\n");
    fs::write(out.join("fast_alone_asm.rs"), body)?;
    Ok(())
}

/// The assembly without what an assembly of its own has, and with labels that no other has.
fn taken_in(text: &str) -> String {
    let of_a_file = [".file", ".ident", ".addrsig", ".section\t\".note.GNU-stack\""];
    let lines = text.lines().filter(|line| !of_a_file.iter().any(|word| line.trim_start().starts_with(word)));
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    // What comes after it in the crate's own assembly is code again.
    text.replace(".L", ".Loomsweep_fast_") + "\t.text\n"
}
