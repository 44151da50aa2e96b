//! SQLite over Rust's allocator: set up once in a process, before it is used, and what a program does with it.

use std::cell::Cell;
use std::ffi::{CStr, c_int, c_void};
use std::path::Path;
use std::ptr;
use std::sync::Once;

use libsqlite3_sys as ffi;
use oomsweep::{Region, benign_guard};

use crate::memory;

/// A result code of SQLite's, but for those that say that all went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) c_int);

impl Code {
    /// There was no memory. `SQLITE_IOERR_NOMEM` says so as well: memory was missing below the file system's functions.
    pub(crate) fn is_no_memory(&self) -> bool {
        self.0 & 0xff == ffi::SQLITE_NOMEM || self.0 == ffi::SQLITE_IOERR_NOMEM
    }
}

fn checked(code: c_int) -> Result<(), Code> {
    if code == ffi::SQLITE_OK { Ok(()) } else { Err(Code(code)) }
}

/// Has SQLite ask Rust for its memory, from now on and in this process; of the second call on, nothing.
///
/// With `tells_benign` SQLite also says which of its requests it can do without. It knows that well: its own tests fail its requests
/// too, and where one stands before something that only makes it faster (a larger hash table, the pages of a cache in one block), or
/// before something that must be given up without an error (a rollback while it closes), it calls one function before and another
/// after. A `benign` region between the two is what they are for.
pub(crate) fn set_up(tells_benign: bool) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let methods = ffi::sqlite3_mem_methods {
            xMalloc: Some(malloc),
            xFree: Some(memory::rust_free),
            xRealloc: Some(realloc),
            xSize: Some(size),
            xRoundup: Some(round_up),
            xInit: Some(init),
            xShutdown: Some(shut_down),
            pAppData: ptr::null_mut(),
        };
        // SAFETY: nothing of SQLite was called yet; it copies the methods, and the hooks are functions.
        unsafe {
            assert_eq!(ffi::sqlite3_config(ffi::SQLITE_CONFIG_MALLOC, &raw const methods), ffi::SQLITE_OK);
            if tells_benign {
                let (begin, end): (extern "C" fn(), extern "C" fn()) = (begin_benign, end_benign);
                ffi::sqlite3_test_control(ffi::SQLITE_TESTCTRL_BENIGN_MALLOC_HOOKS, begin, end);
            }
            assert_eq!(ffi::sqlite3_initialize(), ffi::SQLITE_OK);
        }
    });
}

extern "C" fn malloc(size: c_int) -> *mut c_void {
    usize::try_from(size).map_or(ptr::null_mut(), |size| memory::rust_malloc(size))
}

/// # Safety
/// `block` is one that these methods gave, and not freed.
unsafe extern "C" fn realloc(block: *mut c_void, size: c_int) -> *mut c_void {
    // SAFETY: by the obligation of this function.
    usize::try_from(size).map_or(ptr::null_mut(), |size| unsafe { memory::rust_realloc(block, size) })
}

/// # Safety
/// `block` is null, or as above.
unsafe extern "C" fn size(block: *mut c_void) -> c_int {
    if block.is_null() {
        return 0;
    }
    // SAFETY: by the obligation of this function.
    c_int::try_from(unsafe { memory::size_of(block) }).expect("it was asked for as an int")
}

extern "C" fn round_up(size: c_int) -> c_int {
    (size + 7) & !7
}

extern "C" fn init(_: *mut c_void) -> c_int {
    ffi::SQLITE_OK
}

extern "C" fn shut_down(_: *mut c_void) {}

/// How deep the regions of SQLite's lie in each other.
const DEEPEST: usize = 8;

thread_local! {
    static REGIONS: [Cell<Option<Region>>; DEEPEST] = const { [const { Cell::new(None) }; DEEPEST] };
    static OPEN: Cell<usize> = const { Cell::new(0) };
}

extern "C" fn begin_benign() {
    let depth = OPEN.replace(OPEN.get() + 1);
    REGIONS.with(|regions| regions[depth].set(Some(benign_guard())));
}

extern "C" fn end_benign() {
    let depth = OPEN.get() - 1;
    OPEN.set(depth);
    REGIONS.with(|regions| drop(regions[depth].take()));
}

/// An open database.
pub(crate) struct Database(*mut ffi::sqlite3);

impl Database {
    pub(crate) fn in_memory() -> Result<Database, Code> {
        Database::open(c":memory:")
    }

    pub(crate) fn in_file(path: &Path) -> Result<Database, Code> {
        use std::os::unix::ffi::OsStrExt;
        let mut name = [0_u8; 4096];
        let bytes = path.as_os_str().as_bytes();
        name[..bytes.len()].copy_from_slice(bytes);
        Database::open(CStr::from_bytes_until_nul(&name).expect("it ends in zeros"))
    }

    fn open(name: &CStr) -> Result<Database, Code> {
        let mut raw = ptr::null_mut();
        let flags = ffi::SQLITE_OPEN_READWRITE | ffi::SQLITE_OPEN_CREATE;
        // SAFETY: the name ends in a zero, and the place is ours. What is opened by halves must be closed too.
        let code = unsafe { ffi::sqlite3_open_v2(name.as_ptr(), &raw mut raw, flags, ptr::null()) };
        let database = Database(raw);
        checked(code)?;
        Ok(database)
    }

    /// From now on every small block of this database is asked for, too.
    pub(crate) fn without_lookaside(self) -> Result<Database, Code> {
        let none: *mut c_void = ptr::null_mut();
        // SAFETY: the database is open, and has no statement yet.
        checked(unsafe {
            ffi::sqlite3_db_config(self.0, ffi::SQLITE_DBCONFIG_LOOKASIDE, none, 0 as c_int, 0 as c_int)
        })?;
        Ok(self)
    }

    pub(crate) fn execute(&self, sql: &CStr) -> Result<(), Code> {
        // SAFETY: the database is open; no function is called for rows, and no message is asked for.
        checked(unsafe { ffi::sqlite3_exec(self.0, sql.as_ptr(), None, ptr::null_mut(), ptr::null_mut()) })
    }

    pub(crate) fn prepare(&self, sql: &CStr) -> Result<Statement, Code> {
        let mut raw = ptr::null_mut();
        // SAFETY: as above; the place is ours.
        checked(unsafe { ffi::sqlite3_prepare_v2(self.0, sql.as_ptr(), -1, &raw mut raw, ptr::null_mut()) })?;
        Ok(Statement(raw))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // SAFETY: closed once. With a statement that was forgotten it stays open for ever, and so does its memory.
        unsafe { ffi::sqlite3_close(self.0) };
    }
}

/// A prepared statement.
pub(crate) struct Statement(*mut ffi::sqlite3_stmt);

impl Statement {
    pub(crate) fn bind(&self, place: c_int, text: &CStr) -> Result<(), Code> {
        // SAFETY: the statement lives, and SQLite copies the text.
        checked(unsafe { ffi::sqlite3_bind_text(self.0, place, text.as_ptr(), -1, ffi::SQLITE_TRANSIENT()) })
    }

    /// Whether there is another row.
    pub(crate) fn step(&self) -> Result<bool, Code> {
        // SAFETY: the statement lives.
        match unsafe { ffi::sqlite3_step(self.0) } {
            ffi::SQLITE_ROW => Ok(true),
            ffi::SQLITE_DONE => Ok(false),
            code => Err(Code(code)),
        }
    }

    pub(crate) fn reset(&self) -> Result<(), Code> {
        // SAFETY: the statement lives.
        checked(unsafe { ffi::sqlite3_reset(self.0) })
    }

    pub(crate) fn number(&self, column: c_int) -> i64 {
        // SAFETY: the statement lives and stands on a row.
        unsafe { ffi::sqlite3_column_int64(self.0, column) }
    }

    /// How long the text in this column is.
    pub(crate) fn text_len(&self, column: c_int) -> Result<usize, Code> {
        // SAFETY: as above; the text lives until the next step, and ends in a zero.
        unsafe {
            let text = ffi::sqlite3_column_text(self.0, column);
            if text.is_null() { Err(Code(ffi::SQLITE_NOMEM)) } else { Ok(CStr::from_ptr(text.cast()).count_bytes()) }
        }
    }

    pub(crate) fn forget(self) {
        std::mem::forget(self);
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        // SAFETY: it is dropped once. The error that it returns is that of the last step, which was seen there.
        unsafe { ffi::sqlite3_finalize(self.0) };
    }
}
