//! The shape that rstest generates, and its parting into what is built and what is tested.
//!
//! A case comes as `fn case_1() -> R { let a = …; let b = …; name(a, &b) }`, a test without cases with the user's function as
//! the first statement; `#[timeout]` puts the call into `execute_with_timeout_sync(move || …, limit)`. The braces are
//! rstest's own, which tells such a function from a user's that looks the same.

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::{Block, Expr, ExprCall, ExprPath, Ident, Item, ItemFn, Local, Pat, Stmt};

use crate::ast::{Function, last_segment};

/// A function of rstest's, taken apart.
pub(crate) struct Generated {
    /// The user's function, if it stands inside.
    pub(crate) inner: Option<ItemFn>,
    /// What builds the arguments.
    pub(crate) setup: Vec<Stmt>,
    /// What is bound there.
    pub(crate) names: Vec<Ident>,
    /// The names that have to be mutable in the body.
    pub(crate) mutable: Vec<Ident>,
    /// What makes references of values that the setup had to hand over.
    pub(crate) rebound: Vec<TokenStream>,
    /// The call of the user's function.
    pub(crate) call: ExprCall,
    /// rstest's `#[timeout]`.
    pub(crate) limit: Option<Expr>,
}

/// Takes the function apart, if it is one of rstest's.
pub(crate) fn generated(function: &Function) -> Option<Generated> {
    if !function.is_generated() {
        return None;
    }
    let block: Block = syn::parse2(TokenTree::Group(function.body.clone()).into()).ok()?;
    let mut stmts = block.stmts;
    let Some(Stmt::Expr(Expr::Call(last), None)) = stmts.pop() else {
        return None;
    };
    let (call, limit) = limited(last)?;
    if limit.is_some() {
        stmts.pop_if(|stmt| matches!(stmt, Stmt::Item(Item::Use(_))));
    }
    let mut result = Generated {
        inner: None,
        setup: Vec::new(),
        names: Vec::new(),
        mutable: Vec::new(),
        rebound: Vec::new(),
        call,
        limit,
    };
    for stmt in stmts {
        match stmt {
            Stmt::Item(Item::Fn(item)) if result.inner.is_none() && item.sig.ident == function.sig.ident => {
                result.inner = Some(item);
            }
            Stmt::Local(local) => result.bind(local)?,
            Stmt::Macro(_) | Stmt::Expr(_, Some(_)) | Stmt::Item(Item::Use(_)) => result.setup.push(stmt),
            Stmt::Item(_) | Stmt::Expr(_, None) => return None,
        }
    }
    result.check_call().then_some(result)
}

/// Parts `execute_with_timeout_sync(move || call, limit)`; any other call is the call itself.
fn limited(call: ExprCall) -> Option<(ExprCall, Option<Expr>)> {
    let Expr::Path(path) = &*call.func else {
        return None;
    };
    if last_segment(&path.path).is_none_or(|name| name != "execute_with_timeout_sync") {
        return Some((call, None));
    }
    let mut args = call.args.into_iter();
    match (args.next(), args.next(), args.next()) {
        (Some(Expr::Closure(closure)), Some(limit), None) => match *closure.body {
            Expr::Call(call) => Some((call, Some(limit))),
            _ => None,
        },
        _ => None,
    }
}

impl Generated {
    /// Takes one `let` in. One whose value refers to a temporary cannot leave a closure: the value is handed over in its
    /// place, and the reference taken again in the body.
    fn bind(&mut self, mut local: Local) -> Option<()> {
        let name = name_of(&local.pat)?;
        let init = local.init.as_mut().filter(|init| init.diverge.is_none())?;
        if let Expr::Reference(reference) = &*init.expr
            && let Some((value, place)) = part(&reference.expr, &name)
        {
            let (and, mutability) = (reference.and_token, reference.mutability);
            self.rebound.push(quote!(let #name = #and #mutability #place;));
            if mutability.is_some() {
                self.mutable.push(name.clone());
            }
            *init.expr = value;
        }
        if !self.names.contains(&name) {
            self.names.push(name);
        }
        self.setup.push(Stmt::Local(local));
        Some(())
    }

    /// Whether the call's arguments are what was bound, and which of them are borrowed for writing.
    fn check_call(&mut self) -> bool {
        for argument in &self.call.args {
            let (target, mutable) = match argument {
                Expr::Reference(reference) => (&*reference.expr, reference.mutability.is_some()),
                other => (other, false),
            };
            let Expr::Path(ExprPath { path, .. }) = target else {
                return false;
            };
            let Some(name) = path.get_ident().filter(|name| self.names.contains(name)) else {
                return false;
            };
            if mutable {
                self.mutable.push(name.clone());
            }
        }
        true
    }
}

/// The name that a pattern of rstest's binds.
fn name_of(pat: &Pat) -> Option<Ident> {
    match pat {
        Pat::Ident(ident) if ident.subpat.is_none() => Some(ident.ident.clone()),
        Pat::Type(typed) => name_of(&typed.pat),
        _ => None,
    }
}

/// Parts what is referred to into a value that is built there and the place in it, if it is built there.
fn part(expr: &Expr, name: &Ident) -> Option<(Expr, TokenStream)> {
    match expr {
        Expr::Paren(paren) => part(&paren.expr, name),
        Expr::Group(group) => part(&group.expr, name),
        Expr::Index(index) => {
            let at = &index.index;
            part(&index.expr, name).map(|(value, place)| (value, quote!(#place[#at])))
        }
        _ => is_built(expr).then(|| (expr.clone(), quote!(#name))),
    }
}

/// Whether an expression builds its value while the test runs. What does not is a place or a constant, and lives on.
fn is_built(expr: &Expr) -> bool {
    match expr {
        Expr::Call(_) | Expr::MethodCall(_) | Expr::Macro(_) | Expr::Block(_) | Expr::If(_) | Expr::Match(_) => true,
        Expr::Array(array) => array.elems.iter().any(is_built),
        Expr::Tuple(tuple) => tuple.elems.iter().any(is_built),
        Expr::Struct(item) => item.fields.iter().any(|field| is_built(&field.expr)),
        Expr::Repeat(repeat) => is_built(&repeat.expr),
        Expr::Cast(cast) => is_built(&cast.expr),
        Expr::Paren(paren) => is_built(&paren.expr),
        Expr::Group(group) => is_built(&group.expr),
        _ => false,
    }
}
