//! Databases: made, filled, asked, closed.

use std::ffi::CStr;

use oomsweep::{alloc_test, exempt};

use crate::sqlite::{Code, Database, set_up};

/// Everything that a small program does.
fn work(database: &Database) -> Result<(), Code> {
    database.execute(
        c"CREATE TABLE words (word TEXT PRIMARY KEY, seen INTEGER NOT NULL); CREATE INDEX often ON words (seen)",
    )?;
    database.execute(c"BEGIN")?;
    let insert = database
        .prepare(c"INSERT INTO words VALUES (?1, length(?1)) ON CONFLICT (word) DO UPDATE SET seen = seen + 1")?;
    for word in [c"allocate", c"release", c"allocate", c"a word that is much longer than all others are"] {
        insert.bind(1, word)?;
        insert.step()?;
        insert.reset()?;
    }
    drop(insert);
    database.execute(c"COMMIT")?;
    let select = database.prepare(c"SELECT upper(word), seen FROM words WHERE seen > ?1 ORDER BY word DESC")?;
    select.bind(1, c"3")?;
    let (mut rows, mut letters, mut seen) = (0, 0, 0);
    while select.step()? {
        rows += 1;
        letters += select.text_len(0)?;
        seen += select.number(1);
    }
    assert_eq!((rows, letters, seen), (3, 61, 62));
    Ok(())
}

/// As it comes: small blocks are taken out of one that a connection asks for at its beginning.
#[alloc_test(engine = "snapshot", error_if = Code::is_no_memory)]
#[ignore = "swept by the table"]
fn in_memory() -> Result<(), Code> {
    set_up(true);
    work(&Database::in_memory()?)
}

/// Every block is asked for.
#[alloc_test(error_if = Code::is_no_memory)]
#[ignore = "swept by the table"]
fn without_lookaside() -> Result<(), Code> {
    set_up(true);
    work(&Database::in_memory()?.without_lookaside()?)
}

/// Nobody says which requests it can do without, so each of these is found: a hash table that does not grow is slower, and that is all.
#[alloc_test(error_if = Code::is_no_memory)]
#[ignore = "swept by the table"]
fn nothing_is_benign() -> Result<(), Code> {
    set_up(false);
    work(&Database::in_memory()?)
}

/// The same, and the functions in which SQLite asks for them are named: the larger table, and the small blocks of a connection.
#[alloc_test(benign("rehash", "setupLookaside"), error_if = Code::is_no_memory)]
#[ignore = "swept by the table"]
fn a_function_is_named() -> Result<(), Code> {
    set_up(false);
    work(&Database::in_memory()?)
}

/// The same, for whom it is enough that SQLite survives: this would also let pass what it should have told.
#[alloc_test(swallowed = "allow", error_if = Code::is_no_memory)]
#[ignore = "swept by the table"]
fn all_may_be_swallowed() -> Result<(), Code> {
    set_up(false);
    work(&Database::in_memory()?)
}

/// The bug: a statement is lost where its text can't be bound, and then its database can't be closed.
#[alloc_test(error_if = Code::is_no_memory)]
#[ignore = "swept by the table"]
fn loses_a_statement() -> Result<(), Code> {
    set_up(true);
    let database = Database::in_memory()?;
    let select = database.prepare(c"SELECT length(?1)")?;
    if let Err(code) = select.bind(1, CStr::from_bytes_with_nul(&BYTES).expect("it ends in a zero")) {
        select.forget();
        return Err(code);
    }
    assert!(select.step()?);
    Ok(())
}

/// Too long for the blocks that a connection has at hand.
const BYTES: [u8; 2001] = {
    let mut bytes = [b'x'; 2001];
    bytes[2000] = 0;
    bytes
};

/// In a file of a folder of its own. Outside of memory nobody keeps the runs apart: a copy of the process that is made at a request
/// has the folder of its original, rolls back in the original's file, and removes both while the original waits. Then the original
/// fails without a fault, which is seen; no copy is made of what comes after that, and each of those faults has a run of its own.
#[alloc_test(error_if = Code::is_no_memory)]
#[ignore = "swept by the table"]
fn in_a_file() -> Result<(), Code> {
    set_up(true);
    let dir = exempt(|| tempfile::tempdir().expect("a folder"));
    let path = exempt(|| dir.path().join("words.sqlite"));
    let worked = Database::in_file(&path).and_then(|database| work(&database));
    exempt(|| drop((path, dir)));
    worked
}
