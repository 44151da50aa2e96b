//! What the parser reads, and what it refuses.

use quote::quote;

use super::{Args, nanoseconds};

fn refused(tokens: proc_macro2::TokenStream) -> Vec<String> {
    let errors = Args::parse(tokens).err();
    errors.into_iter().flatten().map(|error| error.to_string()).collect()
}

#[test]
fn times_are_read_with_their_unit() {
    let cases = [("250ms", 250_000_000), ("2s", 2_000_000_000), ("1.5s", 1_500_000_000), ("1m", 60_000_000_000)];
    for (text, expected) in cases {
        assert_eq!(nanoseconds(text), Some(expected), "{text}");
    }
    for text in ["", "5", "s", "0s", "0.0ms", "1 s", "-1s", "+1s", ".5s", "1.s", "1sec", "1S", "99999999999h"] {
        assert_eq!(nanoseconds(text), None, "{text}");
    }
}

#[test]
fn every_mistake_is_reported_and_the_rest_is_read() {
    let errors =
        refused(quote!(timeot = "1s", invariant = 4, seed = "x", max_points = 0, shard = "5/4", seed = 1, seed = 2));
    assert_eq!(errors.len(), 6, "{errors:?}");
    assert!(errors[0].starts_with("unknown option `timeot`; did you mean `timeout`?"), "{errors:?}");
    assert_eq!(errors[1], "`invariant` is not in this release yet");
    assert_eq!(errors[5], "`seed` is given twice");
}

#[test]
fn what_is_missing_or_too_much_is_said() {
    assert_eq!(refused(quote!(swallowed)), ["`swallowed` takes \"deny\" or \"allow\""]);
    assert_eq!(refused(quote!(leaks_only = true)), ["`leaks_only` takes no value"]);
    assert_eq!(refused(quote!(engine = "snapshot")), Vec::<String>::new());
    assert_eq!(refused(quote!(faults(once, pairs))), ["`pairs` is not in this release yet"]);
    assert_eq!(refused(quote!(faults(window(1), window(2)))), Vec::<String>::new());
    assert_eq!(refused(quote!(faults(window(2), window(2)))), ["`window(2)` is given twice"]);
    assert_eq!(refused(quote!(guard = "page")), ["`guard` takes \"zones\" or \"pages\""]);
    assert_eq!(refused(quote!(guard = "zones", threads = "all", realloc = "any")), Vec::<String>::new());
    assert_eq!(refused(quote!(known("7"))), ["an id is 16 hex digits, as the report shows it"]);
    assert_eq!(refused(quote!(seed = 1,)), Vec::<String>::new());
    for points in [quote!(points = "all"), quote!(points = "stacks"), quote!(points = "stacks:12")] {
        assert_eq!(refused(points), Vec::<String>::new());
    }
    for points in [quote!(points), quote!(points = stacks), quote!(points = "stack"), quote!(points = "stacks:0")] {
        let takes = "`points` takes \"all\", \"stacks\" or, for three points of each stack, \"stacks:3\"";
        assert_eq!(refused(points), [takes]);
    }
    assert_eq!(refused(quote!(jobs = 1)), Vec::<String>::new());
    assert_eq!(refused(quote!(jobs = 4294967295)), Vec::<String>::new());
    for jobs in [quote!(jobs = 0), quote!(jobs = 4294967296), quote!(jobs = "4"), quote!(jobs), quote!(jobs = 1u32)] {
        assert_eq!(refused(jobs), ["`jobs` takes a whole number from 1 to 4294967295"]);
    }
}
