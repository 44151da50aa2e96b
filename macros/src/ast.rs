//! Parsing: the function below the attribute, its body left as tokens.
//!
//! The body is never taken apart (but for the one shape of `rstest.rs`), so that it reaches the compiler with the user's own
//! spans, whatever syntax it holds.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Ident, LitStr, Meta, Path, Result, Signature, Visibility};

/// A function with an attribute list, a signature and a body.
#[derive(Clone)]
pub(crate) struct Function {
    /// The attributes below ours, in order.
    pub(crate) attrs: Vec<Attribute>,
    /// Its visibility.
    pub(crate) vis: Visibility,
    /// Its signature.
    pub(crate) sig: Signature,
    /// Its body, braces included.
    pub(crate) body: Group,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig = input.parse()?;
        let body: TokenTree = input.parse()?;
        match body {
            TokenTree::Group(body) if body.delimiter() == Delimiter::Brace && input.is_empty() => {
                Ok(Function { attrs, vis, sig, body })
            }
            other => Err(syn::Error::new(other.span(), "expected the body of a function")),
        }
    }
}

impl Function {
    /// A span with this macro's hygiene at the function's name, so that frames and messages lie in the user's file.
    pub(crate) fn here(&self) -> Span {
        Span::call_site().located_at(self.sig.ident.span())
    }

    /// Whether another macro has written the braces of the body: then both carry one span, which in a file they cannot.
    pub(crate) fn is_generated(&self) -> bool {
        let (open, close) = (self.body.span_open().unwrap(), self.body.span_close().unwrap());
        (open.line(), open.column()) == (close.line(), close.column())
    }
}

/// What an attribute below ours means to us.
pub(crate) enum Role {
    /// It registers the function with libtest: its last segment is `test`.
    Test,
    /// It is rstest's, not expanded yet.
    Rstest,
    /// `#[should_panic]`, with what is expected.
    ShouldPanic(Option<LitStr>),
    /// Anything else; it stays where it is.
    Kept,
}

/// Reads what an attribute means to us. The compiler has resolved every `cfg` and `cfg_attr` before it calls us.
pub(crate) fn role(attr: &Attribute) -> Role {
    match last_segment(attr.path()) {
        Some(name) if name == "test" => Role::Test,
        Some(name) if name == "rstest" => Role::Rstest,
        Some(name) if name == "should_panic" => Role::ShouldPanic(expected(&attr.meta)),
        _ => Role::Kept,
    }
}

/// The last segment of a path.
pub(crate) fn last_segment(path: &Path) -> Option<&Ident> {
    path.segments.last().map(|segment| &segment.ident)
}

/// The text of `#[should_panic = "…"]` and `#[should_panic(expected = "…")]`.
fn expected(meta: &Meta) -> Option<LitStr> {
    match meta {
        Meta::Path(_) => None,
        Meta::NameValue(pair) => syn::parse2(quote::ToTokens::to_token_stream(&pair.value)).ok(),
        Meta::List(list) => {
            let mut text = None;
            // What is not understood is `rustc`'s to refuse, and it can't: the attribute is taken away. So it is "any panic".
            let _ = list.parse_nested_meta(|nested| {
                text = Some(nested.value()?.parse()?);
                Ok(())
            });
            text
        }
    }
}

/// Whether tokens hold one of these words at any depth.
pub(crate) fn holds(tokens: TokenStream, words: &[&str]) -> bool {
    tokens.into_iter().any(|tree| match tree {
        TokenTree::Group(group) => holds(group.stream(), words),
        TokenTree::Ident(ident) => words.iter().any(|word| ident == word),
        _ => false,
    })
}
