//! Fallback: what is emitted beside an error, so that the error comes alone.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Error};

use crate::ast::{Function, Role, role};

/// The error, and the function as it was, but for the attributes that make sense on a test only.
pub(crate) fn function(error: &Error, function: &Function) -> TokenStream {
    let error = error.to_compile_error();
    let Function { attrs, vis, sig, body } = function;
    if attrs.iter().any(|attr| matches!(role(attr), Role::Rstest)) {
        return quote!(#error #(#attrs)* #vis #sig #body);
    }
    let attrs = attrs.iter().filter(|attr| matches!(role(attr), Role::Kept) && !is_ignore(attr));
    quote! {
        #error
        #(#attrs)*
        #[allow(unused, reason = "the error above is what counts")]
        #vis #sig #body
    }
}

/// The error, and the item as it was.
pub(crate) fn item(error: &Error, item: &TokenStream) -> TokenStream {
    let error = error.to_compile_error();
    quote!(#error #item)
}

/// `#[ignore]` warns where there is no test.
fn is_ignore(attr: &Attribute) -> bool {
    attr.path().is_ident("ignore")
}
