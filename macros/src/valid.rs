//! Validity: what is refused, each with a message that says what to do instead.

use syn::spanned::Spanned;
use syn::{Error, GenericParam, Result, ReturnType, Signature, Type};

use crate::args::{Args, merge};
use crate::ast::{Function, Role, holds, role};
use crate::handles;
use crate::source::Surroundings;

/// Options that are about faults, and so mean nothing without any.
const ABOUT_FAULTS: &[&str] = &["faults", "error", "error_if", "points", "max_points", "shard"];

/// Checks options against each other.
pub(crate) fn options(args: &Args) -> Result<()> {
    let mut errors = None;
    if args.get("leaks_only").is_some() {
        for name in ABOUT_FAULTS {
            if let Some(option) = args.get(name) {
                let text = format!("`{name}` contradicts `leaks_only`: without faults there is nothing for it to do");
                merge(&mut errors, Error::new(option.name.span(), text));
            }
        }
    }
    if let (Some(_), Some(option)) = (args.get("error"), args.get("error_if")) {
        let text = "`error` and `error_if` are two ways to say the same thing: give one of them";
        merge(&mut errors, Error::new(option.name.span(), text));
    }
    errors.map_or(Ok(()), Err)
}

/// Checks the function, and the options that depend on it.
pub(crate) fn function(function: &Function, args: &Args, around: Surroundings) -> Result<()> {
    let mut errors = None;
    let checks = [
        qualifiers(&function.sig),
        generics(&function.sig),
        arguments(&function.sig, args),
        attributes(function, around),
        errors_of(&function.sig, args),
    ];
    for error in checks.into_iter().filter_map(Result::err) {
        merge(&mut errors, error);
    }
    errors.map_or(Ok(()), Err)
}

/// `async`, `const`, `unsafe` and `extern`.
fn qualifiers(sig: &Signature) -> Result<()> {
    if let Some(word) = sig.asyncness {
        return Err(Error::new(word.span, "`async` bodies are not in this release yet"));
    }
    let (span, word) = if let Some(word) = sig.constness {
        (word.span, "const")
    } else if let Some(word) = sig.unsafety {
        (word.span, "unsafe")
    } else if let Some(abi) = &sig.abi {
        (abi.extern_token.span, "extern")
    } else {
        return Ok(());
    };
    Err(Error::new(span, format!("`#[alloc_test]` goes on a plain function, and this one is `{word}`")))
}

/// Types and constants that no argument chooses; lifetimes are harmless, and rstest writes them.
fn generics(sig: &Signature) -> Result<()> {
    let is_chosen = |param: &GenericParam| match param {
        GenericParam::Lifetime(_) => true,
        GenericParam::Type(param) => {
            let name = param.ident.to_string();
            holds(quote::ToTokens::to_token_stream(&sig.inputs), &[name.as_str()])
        }
        GenericParam::Const(_) => false,
    };
    match sig.generics.params.iter().find(|param| !is_chosen(param)) {
        Some(param) => Err(Error::new(param.span(), "a test is not generic: nobody would choose this parameter")),
        None => Ok(()),
    }
}

/// Arguments of every kind.
fn arguments(sig: &Signature, args: &Args) -> Result<()> {
    if let Some(dots) = &sig.variadic {
        return Err(Error::new(dots.dots.span(), "a test takes no such arguments"));
    }
    let handles = handles::all(sig)?;
    match args.get("global") {
        Some(option) if handles.is_empty() && args.get("__allocators").is_none() => Err(Error::new(
            option.name.span(),
            "`global` is about bodies with allocators of their own, and this one has none: its requests to the global allocator \
             are what is made to fail",
        )),
        _ => Ok(()),
    }
}

/// Attributes whose order or form would make a verdict wrong.
fn attributes(function: &Function, around: Surroundings) -> Result<()> {
    if around.only_first_case {
        return Err(Error::new(
            function.sig.ident.span(),
            "`#[alloc_test]` stands above the first `#[case]`, and rstest hands it to that case only: put it below the last one",
        ));
    }
    if let Some(attr) = function.attrs.iter().find(|attr| matches!(role(attr), Role::ShouldPanic(_)))
        && around.test_above
    {
        let text = "`#[test]` above `#[alloc_test]` has already taken this attribute, and would count a finding as the \
                    expected panic: remove the `#[test]`";
        return Err(Error::new(attr.path().span(), text));
    }
    Ok(())
}

/// `error` and `error_if` need an error type.
fn errors_of(sig: &Signature, args: &Args) -> Result<()> {
    let Some(option) = args.get("error").or(args.get("error_if")) else {
        return Ok(());
    };
    let text = match &sig.output {
        ReturnType::Default => "this body returns nothing, so it has no error to look at: let it return a `Result`",
        ReturnType::Type(_, ty) => match &**ty {
            Type::Tuple(tuple) if tuple.elems.is_empty() => {
                "this body returns `()`, so it has no error to look at: let it return a `Result`"
            }
            Type::ImplTrait(_) => "an `impl Trait` does not name the error: write the `Result` out",
            _ => return Ok(()),
        },
    };
    Err(Error::new(option.name.span(), text))
}
