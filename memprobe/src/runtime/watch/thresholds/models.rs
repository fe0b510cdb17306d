//! Threads that cross a threshold at once, and arm it again.

use super::*;
use crate::runtime::sync::modelled::{Check, leak, spawn};

fn thresholds() -> &'static Thresholds {
    leak(Thresholds::new(&[0.8, 0.9], 1000).expect("good thresholds"))
}

#[test]
fn of_threads_that_cross_a_threshold_one_reports_it() {
    Check::ALL.run(|| {
        let thresholds = thresholds();
        let cross = |used| u32::from(thresholds.cross(used).is_some());
        let other = spawn(move || cross(901));
        let reports = cross(905) + other.join().expect("no panic");
        assert_eq!(reports, 1);
        assert!(thresholds.has_reported());
    });
}

#[test]
fn a_threshold_that_is_armed_again_is_reported_again_and_once() {
    Check::ALL.run(|| {
        let thresholds = thresholds();
        assert!(thresholds.cross(901).is_some());
        let falls = spawn(|| thresholds.rearm(100));
        let again = thresholds.cross(901).is_some();
        falls.join().expect("no panic");
        // Whoever reports it again has noted that, and who does not has left it armed.
        let later = thresholds.cross(901).is_some();
        assert_ne!(again, later);
        assert!(thresholds.has_reported());
    });
}
