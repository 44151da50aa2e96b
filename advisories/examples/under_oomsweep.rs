//! The bodies under oomsweep.

use oomsweep::Sweep;

fn main() {
    oomsweep_advisories::main_of(|body| {
        let report = Sweep::new("body").leaks_only().run(body);
        let codes: Vec<&str> = report.findings().iter().map(|finding| finding.code.as_str()).collect();
        println!("says: {}", codes.join(", "));
    });
}
