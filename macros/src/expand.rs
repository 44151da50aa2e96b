//! Expansion: the function that libtest calls, with the user's function inside it, under the same name.
//!
//! Every path is absolute, every local name is this macro's own, and every span lies in the user's file.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Ident, Member, Pat, ReturnType, Type};

use crate::args::{Args, Fault, Opt, Value};
use crate::ast::{Function, Role, role};
use crate::rstest::{self, Generated};
use crate::source::Surroundings;
use crate::{fallback, handles};

/// The whole test.
pub(crate) fn test(function: &Function, args: &Args, around: Surroundings) -> TokenStream {
    let Function { vis, sig, body, .. } = function;
    let (name, here) = (&sig.ident, function.here());
    // `valid` has looked at them.
    let handles = handles::all(sig).unwrap_or_default();
    let generics = handles.is_empty().then_some((&sig.generics, &sig.generics.where_clause));
    let (generics, bounds) = generics.unzip();
    let names = handles.iter().map(|handle| &handle.name);
    let allocators = (!handles.is_empty()).then(|| quote_spanned!(here=> .allocators(&[#(#names),*])));
    let (attrs, should_panic) = split(&function.attrs, here);
    let registered = around.test_above || function.attrs.iter().any(|attr| matches!(role(attr), Role::Test));
    let register = (!registered).then(|| quote_spanned!(here=> #[::core::prelude::v1::test]));
    let generated = if is_swept(args) { None } else { rstest::generated(function) };
    let (inner, check) = match &generated {
        Some(generated) => fixtures(generated, returned_at(function)),
        None => {
            let mut called = name.clone();
            called.set_span(returned_at(function));
            let called = if handles.is_empty() { quote!(#called) } else { handles::call(&called, &handles) };
            let check = quote_spanned!(returned_at(function)=> .check(#called));
            (quote!(#sig #body), check)
        }
    };
    let limit = generated.as_ref().and_then(|generated| generated.limit.as_ref());
    let limit = limit.filter(|_| args.get("timeout").is_none()).map(|limit| quote_spanned!(here=> .timeout(#limit)));
    let site = site(name, here);
    let options = args.options.iter().filter(|option| !is_last(option)).map(|option| setting(option, here));
    let matcher = args.options.iter().filter(|option| is_last(option)).map(|option| matcher(option, &sig.output));
    quote_spanned! {here=>
        #register
        #(#attrs)*
        #vis fn #name #generics () #bounds {
            #inner
            ::oomsweep::__private::test(#site) #allocators #(#options)* #limit #should_panic #(#matcher)* #check;
        }
    }
}

/// `#[rstest]` below: it shall see ours below it, and behind every `#[case]`, so that each case gets it.
pub(crate) fn below_rstest(mut function: Function, args: &TokenStream) -> TokenStream {
    let names = match handles::take_out(&mut function) {
        Ok(names) => names,
        Err(error) => return fallback::function(&error, &function),
    };
    let separator = (!args.is_empty() && !ends_with_comma(args)).then(|| quote!(,));
    let allocators = (!names.is_empty()).then(|| quote!(#separator __allocators(#(#names),*)));
    let Function { attrs, vis, sig, body } = &function;
    let plain = |attr: &&Attribute| attr.path().is_ident("test");
    let attrs = attrs.iter().filter(|attr| !plain(attr));
    let ours = quote!(#[::oomsweep::alloc_test(#args #allocators)]);
    quote!(#(#attrs)* #ours #vis #sig #body)
}

fn ends_with_comma(tokens: &TokenStream) -> bool {
    matches!(tokens.clone().into_iter().last(), Some(TokenTree::Punct(last)) if last.as_char() == ',')
}

/// The attributes that stay, and the panic that is expected.
fn split(attrs: &[Attribute], here: Span) -> (Vec<&Attribute>, Option<TokenStream>) {
    let mut kept = Vec::new();
    let mut expected = None;
    for attr in attrs {
        match role(attr) {
            Role::ShouldPanic(None) => {
                expected = Some(quote_spanned!(here=> .should_panic(::core::option::Option::None)));
            }
            Role::ShouldPanic(Some(text)) => {
                expected = Some(quote_spanned!(here=> .should_panic(::core::option::Option::Some(#text))));
            }
            Role::Test | Role::Rstest | Role::Kept => kept.push(attr),
        }
    }
    (kept, expected)
}

/// Whether the fixtures are to fail as well.
fn is_swept(args: &Args) -> bool {
    args.get("fixtures").is_some_and(|option| matches!(option.value, Value::Choice("Swept")))
}

/// Where complaints about the returned type belong.
fn returned_at(function: &Function) -> Span {
    match &function.sig.output {
        ReturnType::Default => function.here(),
        ReturnType::Type(_, ty) => Span::call_site().located_at(ty.span()),
    }
}

/// Where the test stands.
fn site(name: &Ident, here: Span) -> TokenStream {
    let name = name.to_string();
    quote_spanned! {here=>
        ::oomsweep::__private::Site {
            path: ::core::concat!(::core::module_path!(), "::", #name),
            package: ::core::env!("CARGO_PKG_NAME"),
            target: ::core::env!("CARGO_CRATE_NAME"),
            manifest_dir: ::core::env!("CARGO_MANIFEST_DIR"),
            file: ::core::file!(),
            line: ::core::line!(),
        }
    }
}

/// What rstest builds becomes the setup of every run, its call the body.
fn fixtures(generated: &Generated, at: Span) -> (TokenStream, TokenStream) {
    let Generated { inner, setup, names, mutable, rebound, call, .. } = generated;
    let inner = quote!(#inner);
    if setup.is_empty() {
        let called = &call.func;
        return (inner, quote_spanned!(at=> .check(#called)));
    }
    let params = names.iter().map(|name| {
        let mutable = mutable.contains(name).then(|| quote!(mut));
        quote!(#mutable #name)
    });
    let body = if rebound.is_empty() { quote!(#call) } else { quote_spanned!(at=> { #(#rebound)* #call }) };
    let check = quote_spanned!(at=> .check_args(|| { #(#setup)* (#(#names,)*) }, |(#(#params,)*)| #body));
    (inner, check)
}

/// `error` and `error_if` change the type of what they are called on, and so come last.
fn is_last(option: &Opt) -> bool {
    matches!(option.value, Value::Pattern(_) | Value::Function(_))
}

/// The call that hands over one option.
fn setting(option: &Opt, here: Span) -> TokenStream {
    let mut name = option.name.clone();
    name.set_span(here);
    let value = match &option.value {
        Value::Flag => return quote_spanned!(here=> .#name()),
        // Its work is done when the function has been left whole.
        Value::Choice(_) if name == "fixtures" => return TokenStream::new(),
        Value::Switch(None) => return TokenStream::new(),
        Value::Switch(Some(method)) => {
            let method = Ident::new(method, here);
            return quote_spanned!(here=> .#method());
        }
        Value::Choice(variant) => choice(&name, variant, here),
        Value::Faults(faults) => patterns(faults, here),
        Value::Strings(list) if name == "__allocators" => {
            return quote_spanned!(here=> .allocators(&[#(#list),*]));
        }
        Value::Strings(list) => quote_spanned!(here=> [#(#list),*]),
        Value::Duration(time) => quote_spanned!(here=> ::core::time::Duration::from_nanos(#time)),
        Value::Number(number) => {
            let number = proc_macro2::Literal::u64_unsuffixed(*number);
            quote_spanned!(here=> #number)
        }
        Value::Shard(k, n) => quote_spanned!(here=> #k, #n),
        Value::Points(None) => return TokenStream::new(),
        Value::Points(Some(most)) => return quote_spanned!(here=> .points_per_stack(#most)),
        Value::Pattern(_) | Value::Function(_) => return TokenStream::new(),
    };
    quote_spanned!(here=> .#name(#value))
}

/// A variant, by the option that it was chosen for.
fn choice(option: &Ident, variant: &str, here: Span) -> TokenStream {
    let kind = match option.to_string().as_str() {
        "infallible" => "Infallible",
        "shrink" => "Shrink",
        "engine" => "EngineChoice",
        _ => "Rule",
    };
    let (kind, variant) = (Ident::new(kind, here), Ident::new(variant, here));
    quote_spanned!(here=> ::oomsweep::#kind::#variant)
}

/// The patterns that are swept. A size alone only filters, so it filters the default.
fn patterns(faults: &[Fault], here: Span) -> TokenStream {
    let only_size = faults.iter().all(|fault| matches!(fault, Fault::Size(_)));
    let default = if only_size { &[Fault::Once, Fault::Persistent][..] } else { &[] };
    let list = default.iter().chain(faults).map(|fault| match fault {
        Fault::Once => quote_spanned!(here=> ::oomsweep::Faults::ONCE),
        Fault::Persistent => quote_spanned!(here=> ::oomsweep::Faults::PERSISTENT),
        Fault::Budget => quote_spanned!(here=> ::oomsweep::Faults::BUDGET),
        Fault::Window(k) => quote_spanned!(here=> ::oomsweep::Faults::window(#k)),
        Fault::Size(least) => {
            let least = proc_macro2::Literal::u64_unsuffixed(*least);
            quote_spanned!(here=> ::oomsweep::Faults::size(#least))
        }
    });
    quote_spanned!(here=> #(#list)|*)
}

/// `error_if` with the user's function, or with a match on the user's pattern.
fn matcher(option: &Opt, output: &ReturnType) -> TokenStream {
    let at = Span::call_site().located_at(option.name.span());
    let pattern = match (&option.value, output) {
        (Value::Function(function), _) => return quote_spanned!(at=> .error_if(#function)),
        (Value::Pattern(pattern), ReturnType::Type(_, ty)) => (pattern, ty),
        _ => return TokenStream::new(),
    };
    let (pattern, ty) = pattern;
    let error = error_type(ty, at);
    let value = Ident::new("error", Span::mixed_site().located_at(option.name.span()));
    let mut names = Names::default();
    names.collect(pattern, true);
    let checks = names.constants.iter().map(|(name, whole)| {
        let ty = if *whole { quote!(&#error) } else { quote!(&_) };
        quote_spanned!(Span::call_site().located_at(name.span())=> let _: #ty = &#name;)
    });
    // A constant fits the value alone, a binding may not move out of it.
    let place = if names.binds { quote!(#value) } else { quote!(*#value) };
    quote_spanned! {at=>
        .error_if(|#value: &#error| {
            #(#checks)*
            ::core::matches!(#place, #pattern)
        })
    }
}

/// The error of the returned type.
fn error_type(ty: &Type, at: Span) -> TokenStream {
    quote_spanned!(at=> <#ty as ::oomsweep::__private::TestReturn>::Error)
}

/// The names in a pattern.
#[derive(Default)]
struct Names {
    /// Bare names that have to be constants or unit variants, and whether each stands for the whole error. Misspelt, such a
    /// name is a binding, which fits everything: so each is also used as a value, and the compiler misses it.
    constants: Vec<(Ident, bool)>,
    /// Something is bound.
    binds: bool,
}

impl Names {
    /// Takes in what a pattern names; `whole` if the pattern stands for the whole error.
    fn collect(&mut self, pattern: &Pat, whole: bool) {
        match pattern {
            Pat::Ident(pat) => {
                let is_bare = pat.by_ref.is_none() && pat.mutability.is_none() && pat.subpat.is_none();
                if is_bare && (whole || pat.ident.to_string().starts_with(char::is_uppercase)) {
                    self.constants.push((pat.ident.clone(), whole));
                } else {
                    self.binds = true;
                }
                if let Some((_, inner)) = &pat.subpat {
                    self.collect(inner, whole);
                }
            }
            Pat::Or(pat) => pat.cases.iter().for_each(|case| self.collect(case, whole)),
            Pat::Paren(pat) => self.collect(&pat.pat, whole),
            Pat::Reference(pat) => self.collect(&pat.pat, false),
            Pat::Slice(pat) => pat.elems.iter().for_each(|elem| self.collect(elem, false)),
            Pat::Tuple(pat) => pat.elems.iter().for_each(|elem| self.collect(elem, false)),
            Pat::TupleStruct(pat) => pat.elems.iter().for_each(|elem| self.collect(elem, false)),
            Pat::Struct(pat) => pat.fields.iter().for_each(|field| match (&field.colon_token, &field.member) {
                (None, Member::Named(_)) => self.binds = true,
                _ => self.collect(&field.pat, false),
            }),
            _ => {}
        }
    }
}
