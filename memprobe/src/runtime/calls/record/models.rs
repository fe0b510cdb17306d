//! Work that was carried out of a call, which ends meanwhile.

use super::*;
use crate::runtime::calls::pool::{
    self,
    models::{empty_pool, position},
};
use crate::runtime::sync::modelled::{Check, spawn};

#[test]
fn carried_work_counts_for_its_call_or_for_none() {
    Check { preemptions: Some(3), atomics: 40 }.run(|| {
        empty_pool();
        let record = pool::refill().expect("a record");
        record.begin(position(), None, 1);
        record.carried.open();
        let serial = record.serial();
        let work = spawn(move || record.carry(serial, Bytes { allocated: 5, freed: 0 }, 5));
        let first = record.carried.close();
        pool::release(record);
        let record = pool::acquire().expect("the same");
        record.begin(position(), None, 2);
        record.carried.open();
        let second = record.carried.close();
        let took = work.join().expect("no panic");
        assert!(second.is_none(), "work of another call");
        assert_eq!(first.map(|first| first.bytes.allocated), took.then_some(5));
    });
}

#[test]
fn work_that_ends_at_once_is_summed() {
    Check { preemptions: Some(3), atomics: 40 }.run(|| {
        empty_pool();
        let record = pool::refill().expect("a record");
        record.begin(position(), None, 1);
        record.carried.open();
        let serial = record.serial();
        let carry = move |bytes| {
            assert!(record.carry(serial, Bytes { allocated: bytes, freed: 0 }, 0));
        };
        let work = spawn(move || carry(3));
        carry(4);
        let sum = record.carried.take().map_or(0, |sum| sum.bytes.allocated);
        work.join().expect("no panic");
        let rest = record.carried.close().map_or(0, |sum| sum.bytes.allocated);
        assert_eq!(sum + rest, 7);
    });
}
