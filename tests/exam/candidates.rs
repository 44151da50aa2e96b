//! Every allocator by itself.

use std::alloc::System;

use oomsweep::heap::adapt::{Api, ByGlobalAlloc, Global};

use crate::ledger::Ledger;
use crate::reach::Reach;

sits!(ours system: Reach::ALL, {} => System);
sits!(global: Reach::ALL, {} => Global);
sits!(by_global_alloc: Reach::ALL, {} => ByGlobalAlloc(System));
sits!(api: Reach::ALL, {} => Api(System));
sits!(ledger: Reach::ALL, { let ledger = Api(Ledger::exact()); } => ledger);
sits!(generous_ledger: Reach::ALL, { let ledger = Api(Ledger::generous()); } => ledger);
