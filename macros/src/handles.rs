//! The allocators that a test is called with: which of a function's arguments they are, and how the call hands them over.

use proc_macro2::{Group, Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{
    Error, FnArg, GenericParam, Generics, Ident, Pat, PatIdent, PatType, Result, Signature, Type, TypeReference,
};

use crate::args::merge;
use crate::ast::{Function, holds, last_segment};

/// How many allocators one test may have.
const MOST: usize = 64;

/// One argument that is an allocator.
pub(crate) struct Handle {
    /// Its name, as faults are written with it.
    pub(crate) name: String,
    /// The pattern that binds it.
    pattern: PatIdent,
    /// The `&` or `&mut` in front of its type.
    reference: Option<TypeReference>,
    /// Where it stands.
    span: Span,
}

impl Handle {
    /// The expression for the allocator with this place.
    pub(crate) fn value(&self, place: usize) -> TokenStream {
        let place = Literal::u8_suffixed(u8::try_from(place).unwrap_or(u8::MAX));
        let (and, mutable) = self.reference.as_ref().map(|found| (found.and_token, found.mutability)).unzip();
        quote_spanned!(Span::call_site().located_at(self.span)=> #and #mutable ::oomsweep::__private::handle(#place))
    }
}

/// Whether an argument's type says that it is an allocator: `TestAlloc`, `impl Allocator`, `&dyn Allocator`, or a parameter of the
/// function's own. `by_name`: there may be other arguments as well, so a trait must be called so.
fn is_allocator(ty: &Type, generics: &Generics, by_name: bool) -> bool {
    match ty {
        Type::Reference(reference) => is_allocator(&reference.elem, generics, by_name),
        Type::Paren(paren) => is_allocator(&paren.elem, generics, by_name),
        Type::Group(group) => is_allocator(&group.elem, generics, by_name),
        Type::ImplTrait(_) | Type::TraitObject(_) => !by_name || holds(ty.to_token_stream(), &["Allocator"]),
        Type::Path(path) if path.qself.is_none() => {
            let is_parameter = |param: &GenericParam| match param {
                GenericParam::Type(param) => path.path.is_ident(&param.ident),
                _ => false,
            };
            last_segment(&path.path).is_some_and(|name| name == "TestAlloc") || generics.params.iter().any(is_parameter)
        }
        _ => false,
    }
}

/// The allocators among the arguments of a function, which has no others.
///
/// # Errors
///
/// For an argument that is none, and for one whose name can't be a space's.
pub(crate) fn all(sig: &Signature) -> Result<Vec<Handle>> {
    let mut errors = None;
    let mut handles: Vec<Handle> = Vec::new();
    for argument in &sig.inputs {
        match handle(argument, &sig.generics) {
            Ok(handle) => handles.push(handle),
            Err(error) => merge(&mut errors, error),
        }
    }
    if handles.len() > MOST
        && let Some(last) = handles.last()
    {
        merge(&mut errors, Error::new(last.span, format!("a test has no more than {MOST} allocators")));
    }
    errors.map_or(Ok(handles), Err)
}

fn handle(argument: &FnArg, generics: &Generics) -> Result<Handle> {
    match argument {
        FnArg::Receiver(receiver) => {
            Err(Error::new(receiver.self_token.span, "`#[alloc_test]` goes on a free function, not on a method"))
        }
        FnArg::Typed(typed) if is_allocator(&typed.ty, generics, false) => of(typed),
        FnArg::Typed(typed) => Err(Error::new(
            typed.pat.span(),
            "the arguments of a test are its allocators: `alloc: TestAlloc`, or `alloc: impl Allocator + Copy`; for fixtures \
             and cases put rstest's `#[rstest]` on the function as well",
        )),
    }
}

/// What an argument that is an allocator says.
fn of(typed: &PatType) -> Result<Handle> {
    let span = typed.pat.span();
    let Pat::Ident(pattern) = &*typed.pat else {
        return Err(Error::new(span, "give this allocator a name: faults are written with it, as in `once@alloc:7`"));
    };
    let name = pattern.ident.unraw().to_string();
    if name == "global" {
        return Err(Error::new(
            span,
            "`global` is what the global allocator is called here: give this one another name",
        ));
    }
    let reference = if let Type::Reference(reference) = &*typed.ty { Some(reference.clone()) } else { None };
    Ok(Handle { name, pattern: pattern.clone(), reference, span })
}

/// Takes the allocators out of a function's arguments, for rstest would build every argument that is left: the body makes them
/// itself, before all else. Their names.
///
/// # Errors
///
/// For an allocator whose name can't be a space's.
pub(crate) fn take_out(function: &mut Function) -> Result<Vec<String>> {
    let mut errors = None;
    let mut names = Vec::new();
    let mut bindings = TokenStream::new();
    let arguments = std::mem::take(&mut function.sig.inputs);
    for argument in arguments {
        match &argument {
            FnArg::Typed(typed) if typed.attrs.is_empty() && is_allocator(&typed.ty, &Generics::default(), true) => {
                match of(typed) {
                    Ok(handle) => {
                        let (pattern, value) = (&handle.pattern, handle.value(names.len()));
                        bindings.extend(quote!(let #pattern = #value;));
                        names.push(handle.name);
                    }
                    Err(error) => merge(&mut errors, error),
                }
            }
            _ => function.sig.inputs.push(argument),
        }
    }
    if !names.is_empty() {
        let (old, delimiter) = (function.body.clone(), function.body.delimiter());
        let mut body = Group::new(delimiter, bindings.into_iter().chain([TokenTree::Group(old.clone())]).collect());
        body.set_span(old.span());
        function.body = body;
    }
    errors.map_or(Ok(names), Err)
}

/// The call of the function with its allocators.
pub(crate) fn call(called: &Ident, handles: &[Handle]) -> TokenStream {
    let values = handles.iter().enumerate().map(|(place, handle)| handle.value(place));
    quote_spanned!(called.span()=> || #called(#(#values),*))
}
