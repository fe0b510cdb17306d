//! A change that makes a probe dearer is seen: instructions a call, as callgrind counts them.

#[test]
fn a_probe_takes_no_more_instructions_than_before() {
    match memprobe_bench::instructions::check() {
        Ok(text) => println!("{text}"),
        Err(text) => panic!("{text}"),
    }
}

#[test]
fn each_of_many_functions_takes_no_more_than_each_of_few() {
    match memprobe_bench::instructions::check_growth() {
        Ok(text) => println!("{text}"),
        Err(text) => panic!("{text}"),
    }
}
