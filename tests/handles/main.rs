//! Bodies that are called with allocators of their own.

mod attribute;
use allocator_api2_02::vec::Vec as Vec2;
use oomsweep::heap::{AllocError, Allocator};
use oomsweep::model::code::Code;
use oomsweep::{Faults, Sweep};
use std::alloc::Layout;

#[test]
fn smoke() {
    let report = Sweep::new("smoke").run_alloc(["a", "b"], |[a, b]| -> Result<(), AllocError> {
        let mut one = Vec2::new_in(a);
        one.try_reserve(10).map_err(|_| AllocError)?;
        one.push(1_u64);
        let mut two = Vec2::new_in(b);
        two.try_reserve(10).map_err(|_| AllocError)?;
        two.push(1_u8);
        let leaked = a.allocate(Layout::new::<u64>())?;
        let second = b.allocate(Layout::new::<u32>())?;
        unsafe {
            a.deallocate(leaked.cast(), Layout::new::<u64>());
            b.deallocate(second.cast(), Layout::new::<u32>());
        }
        Ok(())
    });
    println!("{report}");
    println!("{}", serde_json::to_string(&report.trials).unwrap());
    let report = Sweep::new("mixed").faults(Faults::ONCE).run_alloc(["a", "b"], |[a, b]| -> Result<(), AllocError> {
        let second = b.allocate(Layout::new::<u32>())?;
        unsafe {
            a.deallocate(second.cast(), Layout::new::<u32>());
        }
        Ok(())
    });
    println!("{report}");
    let report = Sweep::new("mixed").faults(Faults::ONCE).run_alloc(["a", "b"], |[a, b]| -> Result<(), AllocError> {
        let second = b.allocate(Layout::new::<u32>())?;
        unsafe {
            std::alloc::dealloc(second.cast().as_ptr(), Layout::new::<u32>());
        }
        Ok(())
    });
    println!("{report}");
    assert_eq!(report.findings[0].code, Code::Leak);
}
