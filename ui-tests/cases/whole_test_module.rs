//! A module of tests.
//@ test

// rustc takes a `cfg` that holds away before any macro sees the module, and these look for it.
#![allow(clippy::arbitrary_source_item_ordering, clippy::tests_outside_test_module)]

pub fn double(x: u8) -> u8 {
    x * 2
}

#[memprobe::memprobe]
#[cfg(test)]
mod tests {
    use super::double;

    fn two() -> u8 {
        double(1)
    }

    #[test]
    fn doubles() {
        assert_eq!(two(), 2);
    }

    #[test]
    #[should_panic(expected = "overflow")]
    fn overflows() {
        double(200);
    }

    #[tokio::test]
    async fn waits() -> Result<(), std::num::ParseIntError> {
        assert_eq!("2".parse::<u8>()?, two());
        Ok(())
    }

    #[test]
    #[ignore = "slow"]
    fn ignored() {}
}
