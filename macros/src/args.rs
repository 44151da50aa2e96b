//! The options of the attribute: one table of names and shapes, and the parser that walks it.
//!
//! Every mistake is reported where it stands, all of them at once.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Ident, LitInt, LitStr, Pat, Result, Token, parenthesized};

/// What an option takes.
#[derive(Clone, Copy)]
enum Shape {
    /// A list of patterns in parentheses.
    Faults,
    /// Nothing.
    Flag,
    /// One of these words, as a string: the word, and the name of its variant.
    Choice(&'static [(&'static str, &'static str)]),
    /// The first word, as a string, which changes nothing; or the second, which calls the builder's method.
    Switch([&'static str; 2], &'static str),
    /// A list of strings in parentheses.
    Strings,
    /// A pattern.
    Pattern,
    /// A function.
    Function,
    /// A string such as `"250ms"`.
    Duration,
    /// A whole number, from this one to that one.
    Number(u64, u64),
    /// A string such as `"1/4"`.
    Shard,
    /// `"all"`, `"stacks"` or a string such as `"stacks:3"`.
    Points,
}

const RULE: Shape = Shape::Choice(&[("deny", "Deny"), ("allow", "Allow")]);

/// Every option of this release.
const OPTIONS: &[(&str, Shape)] = &[
    ("faults", Shape::Faults),
    ("leaks_only", Shape::Flag),
    ("swallowed", RULE),
    ("infallible", Shape::Choice(&[("deny", "Deny"), ("skip", "Skip")])),
    ("panics", RULE),
    ("benign", Shape::Strings),
    ("intended", Shape::Strings),
    ("error", Shape::Pattern),
    ("error_if", Shape::Function),
    ("known", Shape::Strings),
    ("no_points", RULE),
    ("incomplete", RULE),
    ("threads", Shape::Switch(["own", "all"], "threads_all")),
    ("shrink", Shape::Choice(&[("fail", "Fail"), ("skip", "Skip")])),
    ("global", Shape::Switch(["checked", "swept"], "global_swept")),
    ("fixtures", Shape::Choice(&[("exempt", "Exempt"), ("swept", "Swept")])),
    ("guard", Shape::Switch(["zones", "pages"], "guard_pages")),
    ("realloc", Shape::Switch(["any", "moves"], "realloc_moves")),
    ("reachable", Shape::Switch(["hide", "show"], "show_reachable")),
    (
        "engine",
        Shape::Choice(&[("auto", "Auto"), ("replay", "Replay"), ("snapshot", "Snapshot"), ("in-process", "InProcess")]),
    ),
    ("timeout", Shape::Duration),
    ("max_time", Shape::Duration),
    ("points", Shape::Points),
    ("max_points", Shape::Number(1, u64::MAX)),
    ("seed", Shape::Number(0, u64::MAX)),
    ("shard", Shape::Shard),
    ("jobs", Shape::Number(1, u32::MAX as u64)),
];

/// What the attribute tells itself below an `#[rstest]`: the names of the allocators that it has taken out of the arguments.
const TO_ITSELF: &str = "__allocators";

/// Names that later releases will bring: options, patterns of `faults`, and values as `option = "value"`.
const LATER: &[&str] = &["invariant", "pairs", "resize"];

/// The patterns of `faults`, as people write them.
const FAULTS: &[&str] = &["once", "persistent", "window", "budget", "size"];

/// A pattern of `faults`.
#[derive(PartialEq)]
pub(crate) enum Fault {
    /// Each point alone.
    Once,
    /// Each point and all later ones.
    Persistent,
    /// Each run of so many points.
    Window(u64),
    /// Every budget worth trying.
    Budget,
    /// Only requests of at least so many bytes.
    Size(u64),
}

/// What was given for an option.
pub(crate) enum Value {
    /// For `faults`.
    Faults(Vec<Fault>),
    /// For an option without a value.
    Flag,
    /// The variant that was chosen.
    Choice(&'static str),
    /// The builder's method that the chosen word calls, if it is not the default.
    Switch(Option<&'static str>),
    /// For `benign`, `intended` and `known`.
    Strings(Vec<LitStr>),
    /// For `error`.
    Pattern(Box<Pat>),
    /// For `error_if`.
    Function(Box<Expr>),
    /// Nanoseconds.
    Duration(u64),
    /// For `max_points`, `seed` and `jobs`.
    Number(u64),
    /// Part k of n.
    Shard(u64, u64),
    /// How many points of each call stack fail, if not all.
    Points(Option<u64>),
}

/// One option as it was given.
pub(crate) struct Opt {
    /// Its name.
    pub(crate) name: Ident,
    /// Its value.
    pub(crate) value: Value,
}

/// All options as they were given, in order.
#[derive(Default)]
pub(crate) struct Args {
    /// The options.
    pub(crate) options: Vec<Opt>,
}

impl Args {
    /// The option of this name, if it was given.
    pub(crate) fn get(&self, name: &str) -> Option<&Opt> {
        self.options.iter().find(|option| option.name == name)
    }

    /// Reads the tokens between the attribute's parentheses.
    pub(crate) fn parse(tokens: TokenStream) -> Result<Args> {
        let mut errors: Option<Error> = None;
        let mut args = Args::default();
        let parser = |input: ParseStream<'_>| {
            while !input.is_empty() {
                match option(input, &args) {
                    Ok(option) => args.options.push(option),
                    Err(error) => {
                        merge(&mut errors, error);
                        skip_to_comma(input);
                    }
                }
                if !input.is_empty() {
                    input.parse::<Token![,]>()?;
                }
            }
            Ok(())
        };
        if let Err(error) = parser.parse2(tokens) {
            merge(&mut errors, error);
        }
        errors.map_or(Ok(args), Err)
    }
}

/// Adds an error to those already found.
pub(crate) fn merge(errors: &mut Option<Error>, error: Error) {
    match errors {
        Some(all) => all.combine(error),
        None => *errors = Some(error),
    }
}

/// Leaves the rest of a broken option behind.
fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) && input.parse::<TokenTree>().is_ok() {}
}

/// Leaves the rest of a broken list behind.
fn skip_rest(content: ParseStream<'_>) {
    while content.parse::<TokenTree>().is_ok() {}
}

/// One option, from its name to the comma behind it.
fn option(input: ParseStream<'_>, before: &Args) -> Result<Opt> {
    let name = input.call(Ident::parse_any).map_err(|error| no_name(error.span(), "an option", &option_names()))?;
    let shape = shape_of(&name)?;
    let value = value(input, &name, shape)?;
    if !input.is_empty() && !input.peek(Token![,]) {
        return Err(input.error(format!("expected a comma behind `{name}`: it takes {}", takes(&name, shape))));
    }
    if before.get(&name.to_string()).is_some() {
        return Err(Error::new(name.span(), format!("`{name}` is given twice")));
    }
    Ok(Opt { name, value })
}

/// Finds the option in the table.
fn shape_of(name: &Ident) -> Result<Shape> {
    let text = name.unraw().to_string();
    if let Some((_, shape)) = OPTIONS.iter().find(|(option, _)| *option == text) {
        return Ok(*shape);
    }
    if text == TO_ITSELF {
        return Ok(Shape::Strings);
    }
    check_later(name.span(), &text)?;
    Err(unknown(name.span(), "option", &text, &option_names()))
}

/// Refuses what only a later release knows.
fn check_later(span: Span, text: &str) -> Result<()> {
    if LATER.contains(&text) {
        return Err(Error::new(span, format!("`{text}` is not in this release yet")));
    }
    Ok(())
}

/// The names of all options.
fn option_names() -> Vec<&'static str> {
    OPTIONS.iter().map(|(option, _)| *option).collect()
}

/// An unknown word, the nearest known one, and all of them.
fn unknown(span: Span, what: &str, text: &str, names: &[&str]) -> Error {
    let near = nearest(text, names).map_or(String::new(), |name| format!("; did you mean `{name}`?"));
    Error::new(span, format!("unknown {what} `{text}`{near}\nit is one of {}", all_of(names)))
}

/// Something that is no word at all.
fn no_name(span: Span, what: &str, names: &[&str]) -> Error {
    Error::new(span, format!("expected {what}\nit is one of {}", all_of(names)))
}

/// A list of names for people.
fn all_of(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The name that was probably meant.
fn nearest<'a>(text: &str, names: &[&'a str]) -> Option<&'a str> {
    let text = text.to_lowercase();
    let begun = names.iter().copied().find(|name| text.len() > 2 && name.starts_with(&text));
    let near = names
        .iter()
        .map(|name| (strsim::normalized_damerau_levenshtein(&text, name), *name))
        .filter(|(likeness, _)| *likeness > 0.5)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name);
    begun.or(near)
}

/// The value of an option that has this shape.
fn value(input: ParseStream<'_>, name: &Ident, shape: Shape) -> Result<Value> {
    let wrong = |span: Span| Error::new(span, format!("`{name}` takes {}", takes(name, shape)));
    match shape {
        Shape::Flag if input.is_empty() || input.peek(Token![,]) => Ok(Value::Flag),
        Shape::Flag => Err(wrong(name.span())),
        Shape::Faults | Shape::Strings => {
            if !input.peek(syn::token::Paren) {
                return Err(wrong(name.span()));
            }
            let content;
            parenthesized!(content in input);
            if content.is_empty() {
                return Err(wrong(name.span()));
            }
            let value = match shape {
                Shape::Faults => faults(&content),
                _ => strings(&content, name, &wrong),
            };
            // What an error has left unread would be an error of its own.
            skip_rest(&content);
            value
        }
        _ => {
            if !input.peek(Token![=]) {
                return Err(wrong(name.span()));
            }
            input.parse::<Token![=]>()?;
            if input.is_empty() || input.peek(Token![,]) {
                return Err(wrong(name.span()));
            }
            assigned(input, name, shape, &wrong)
        }
    }
}

/// What stands behind `=`.
fn assigned(input: ParseStream<'_>, name: &Ident, shape: Shape, wrong: &dyn Fn(Span) -> Error) -> Result<Value> {
    match shape {
        Shape::Pattern => Ok(Value::Pattern(Box::new(Pat::parse_multi_with_leading_vert(input)?))),
        Shape::Function => Ok(Value::Function(Box::new(input.parse()?))),
        Shape::Number(least, most) => {
            let literal: LitInt = input.parse().map_err(|error| wrong(error.span()))?;
            let number = number(&literal, least).filter(|&number| number <= most);
            number.ok_or_else(|| wrong(literal.span())).map(Value::Number)
        }
        _ => {
            let literal: LitStr = input.parse().map_err(|error| wrong(error.span()))?;
            let text = literal.value();
            check_later(literal.span(), &format!("{name} = \"{text}\""))?;
            let value = match shape {
                Shape::Choice(words) => {
                    words.iter().find(|(word, _)| *word == text).map(|(_, variant)| Value::Choice(variant))
                }
                Shape::Switch([default, other], method) => {
                    let chosen = [(default, None), (other, Some(method))].into_iter().find(|(word, _)| *word == text);
                    chosen.map(|(_, method)| Value::Switch(method))
                }
                Shape::Duration => nanoseconds(&text).map(Value::Duration),
                Shape::Points => points(&text),
                _ => shard(&text),
            };
            value.ok_or_else(|| wrong(literal.span()))
        }
    }
}

/// What an option takes, for people.
fn takes(name: &Ident, shape: Shape) -> String {
    match shape {
        Shape::Flag => "no value".to_owned(),
        Shape::Faults => {
            "one or more of `once`, `persistent`, `window(k)`, `budget` and `size(min)` in parentheses".to_owned()
        }
        Shape::Strings => format!("one or more strings in parentheses: `{name}(\"…\")`"),
        Shape::Choice(words) => words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(" or "),
        Shape::Switch([default, other], _) => format!("\"{default}\" or \"{other}\""),
        Shape::Pattern => "a pattern: `error = MyError::OutOfMemory`".to_owned(),
        Shape::Function => "a function of `&E`: `error_if = is_out_of_memory`".to_owned(),
        Shape::Duration => "a time such as \"250ms\", \"2s\" or \"1m\"".to_owned(),
        Shape::Number(0, u64::MAX) => "a whole number".to_owned(),
        Shape::Number(least, u64::MAX) => format!("a whole number, at least {least}"),
        Shape::Number(least, most) => format!("a whole number from {least} to {most}"),
        Shape::Points => "\"all\", \"stacks\" or, for three points of each stack, \"stacks:3\"".to_owned(),
        Shape::Shard => "a part of a whole such as \"1/4\"".to_owned(),
    }
}

/// The strings of `benign`, `intended` and `known`.
fn strings(content: ParseStream<'_>, name: &Ident, wrong: &dyn Fn(Span) -> Error) -> Result<Value> {
    let list = Punctuated::<LitStr, Token![,]>::parse_terminated(content).map_err(|error| wrong(error.span()))?;
    for literal in &list {
        let text = literal.value();
        if text.is_empty() {
            return Err(Error::new(literal.span(), "this is empty: it would fit everything"));
        }
        let is_id = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if name == "known" && !is_id {
            return Err(Error::new(literal.span(), "an id is 16 hex digits, as the report shows it"));
        }
    }
    Ok(Value::Strings(list.into_iter().collect()))
}

/// How many widths of windows the runtime's set of patterns can hold.
const MAX_WINDOWS: usize = 4;

/// The patterns of `faults`.
fn faults(content: ParseStream<'_>) -> Result<Value> {
    let mut list: Vec<Fault> = Vec::new();
    let mut errors = None;
    while !content.is_empty() {
        match next_fault(content, &list) {
            Ok(fault) => list.push(fault),
            Err(error) => {
                merge(&mut errors, error);
                skip_to_comma(content);
            }
        }
        if !content.is_empty() {
            content.parse::<Token![,]>()?;
        }
    }
    errors.map_or(Ok(Value::Faults(list)), Err)
}

/// The next pattern, if it goes with those before.
fn next_fault(content: ParseStream<'_>, before: &[Fault]) -> Result<Fault> {
    let name = content.call(Ident::parse_any).map_err(|error| no_name(error.span(), "a pattern", FAULTS))?;
    let fault = fault(content, &name)?;
    let is_size = matches!(fault, Fault::Size(_)) && before.iter().any(|fault| matches!(fault, Fault::Size(_)));
    if is_size || before.contains(&fault) {
        let text = if let Fault::Window(k) = fault { format!("window({k})") } else { name.to_string() };
        return Err(Error::new(name.span(), format!("`{text}` is given twice")));
    }
    let windows = before.iter().filter(|fault| matches!(fault, Fault::Window(_))).count();
    if matches!(fault, Fault::Window(_)) && windows == MAX_WINDOWS {
        return Err(Error::new(name.span(), format!("no more than {MAX_WINDOWS} widths of windows fit into one test")));
    }
    Ok(fault)
}

/// One pattern of `faults`, its name already read.
fn fault(content: ParseStream<'_>, name: &Ident) -> Result<Fault> {
    let text = name.to_string();
    match text.as_str() {
        "once" => Ok(Fault::Once),
        "persistent" => Ok(Fault::Persistent),
        "budget" => Ok(Fault::Budget),
        "window" => measure(content, name, "how many requests in a row fail").map(Fault::Window),
        "size" => measure(content, name, "the least number of bytes").map(Fault::Size),
        _ => {
            check_later(name.span(), &text)?;
            Err(unknown(name.span(), "pattern", &text, FAULTS))
        }
    }
}

/// The number in parentheses behind `window` and `size`.
fn measure(content: ParseStream<'_>, name: &Ident, meaning: &str) -> Result<u64> {
    let wrong = |span| Error::new(span, format!("`{name}` takes {meaning}, at least 1: `{name}(4)`"));
    if !content.peek(syn::token::Paren) {
        return Err(wrong(name.span()));
    }
    let inner;
    parenthesized!(inner in content);
    let literal: Result<LitInt> = inner.parse().map_err(|error| wrong(error.span()));
    let extra = (!inner.is_empty()).then(|| wrong(inner.span()));
    skip_rest(&inner);
    match (literal?, extra) {
        (_, Some(extra)) => Err(extra),
        (literal, None) => number(&literal, 1).ok_or_else(|| wrong(literal.span())),
    }
}

/// A whole number from `least` on. Suffixes of types are no part of it.
fn number(literal: &LitInt, least: u64) -> Option<u64> {
    let number = literal.base10_parse::<u64>().ok()?;
    (literal.suffix().is_empty() && number >= least).then_some(number)
}

/// `"250ms"`, `"2s"`, `"1.5m"` in nanoseconds; nothing that is zero.
fn nanoseconds(text: &str) -> Option<u64> {
    let (amount, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    let scale = match unit {
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, "0"));
    let parts = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let part = u128::from(digits(fraction)?).checked_mul(scale)? / parts;
    let total = u128::from(digits(whole)?).checked_mul(scale)?.checked_add(part)?;
    u64::try_from(total).ok().filter(|time| *time > 0)
}

/// `"all"`, `"stacks"`, `"stacks:3"`: how many points of each stack.
fn points(text: &str) -> Option<Value> {
    let most = match text.split_once(':') {
        None if text == "all" => return Some(Value::Points(None)),
        None if text == "stacks" => 1,
        Some(("stacks", most)) => digits(most).filter(|most| *most > 0)?,
        _ => return None,
    };
    Some(Value::Points(Some(most)))
}

/// `"1/4"`: part 1 of 4.
fn shard(text: &str) -> Option<Value> {
    let (k, n) = text.split_once('/')?;
    let (k, n) = (digits(k)?, digits(n)?);
    (1..=n).contains(&k).then_some(Value::Shard(k, n))
}

/// A number of digits alone: `parse` would take a sign as well.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests;
