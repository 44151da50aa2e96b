# Sourced by `run` and by `benches/figures`: builds the programs of this package, and keeps them in a folder.
# Before: $here, the folder of this package; $target, where cargo builds; $programs, the folder to keep them in.

# keep FOLDER PROFILE "PROGRAMS" [BUILD OPTIONS...]: builds, and puts the programs where no later build replaces them.
keep() {
    local folder=$1 profile=$2 names=$3 built=release name
    shift 3
    [[ $profile == dev ]] && built=debug
    local -a bins=()
    for name in $names; do bins+=(--bin "$name"); done
    (cd "$here" && CARGO_TARGET_DIR=$target cargo build --quiet --profile "$profile" "${bins[@]}" "$@")
    for name in $names; do cp "$target/$built/$name" "$programs/$folder/"; done
}

# keep_test FOLDER TEST AS [BUILD OPTIONS...]: the same for a test with its harness.
keep_test() {
    local folder=$1 test=$2 as=$3 said program
    shift 3
    said=$(cd "$here" && CARGO_TARGET_DIR=$target cargo test --no-run --test "$test" "$@" 2>&1) || { echo "$said" >&2; return 1; }
    program=$(sed -n "s/^ *Executable .*(\(.*\))$/\1/p" <<<"$said")
    cp "$program" "$programs/$folder/$as"
}
