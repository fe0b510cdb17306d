use super::*;
use crate::runtime::sync::atomic::AtomicBool;

fn table() -> Table {
    let table = Table::new();
    assert!(table.map());
    table
}

fn block(address: usize, size: u64) -> Block<'static> {
    let (owner, stack) = (Owner::NotAnnotated, &[]);
    Block { address, owner, call: None, size, weight: size * 2, born: size * 3, stack }
}

fn address(page: usize) -> usize {
    page * PAGE
}

/// Returns address, size and weight of all blocks in the order of their addresses.
fn all(table: &Table) -> Vec<(usize, u64, u64)> {
    let mut all = Vec::new();
    table.each(|block| all.push((block.address, block.size, block.weight)));
    all.sort_unstable();
    all
}

/// Returns pages whose keys have the same places, in the small table and in the large one.
fn neighbours(table: &Table, count: usize) -> Vec<usize> {
    let memory = table.memory.get().expect("mapped");
    let first = |page: usize| {
        let place = |keys, most| places(keys, page as u64, most).next().map(std::ptr::from_ref);
        (place(memory.small, FEW), place(memory.large, MANY))
    };
    (1..).filter(|&page| first(page) == first(1)).take(count).collect()
}

#[test]
fn a_table_without_memory_refuses_all() {
    let table = Table::new();
    table.insert(&block(address(1), 8));
    table.remove(address(1));
    assert!(table.lift(address(1)).is_none());
    assert!(all(&table).is_empty());
}

#[test]
fn a_block_is_there_from_insert_to_remove() {
    let table = table();
    table.insert(&block(address(7), 100));
    table.insert(&block(address(8), 200));
    assert_eq!(all(&table), [(address(7), 100, 200), (address(8), 200, 400)]);
    table.remove(address(9));
    table.remove(address(7));
    table.remove(address(7));
    assert_eq!(all(&table), [(address(8), 200, 400)]);
    table.remove(address(8));
    assert!(all(&table).is_empty());
    assert_eq!(table.lost(), 0);
}

#[test]
fn all_of_a_block_is_kept() {
    static SERIAL: AtomicU32 = AtomicU32::new(5);
    let table = table();
    let stack: Vec<usize> = (1..=FRAMES + 3).collect();
    let call = Some(CallRef { serial: &SERIAL, was: 5 });
    let owner = Owner::Memprobe;
    table.insert(&Block { owner, call, stack: &stack, ..block(address(1), 16) });
    let mut looks = 0;
    table.each(|block| {
        looks += 1;
        assert_eq!((block.size, block.weight, block.born), (16, 32, 48));
        assert_eq!(block.stack, &stack[..FRAMES - 1]);
        assert!(matches!(block.owner, Owner::Memprobe));
        assert!(block.call.is_some_and(CallRef::is_running));
        SERIAL.store(6, Relaxed);
        assert!(!block.call.is_some_and(CallRef::is_running));
    });
    assert_eq!(looks, 1);
    // The next block in the entry has neither.
    table.remove(address(1));
    table.insert(&block(address(2), 16));
    table.each(|block| assert!(block.stack.is_empty() && block.call.is_none()));
}

/// An allocator that is not memprobe's: the hooks say first that the block of after a resize was
/// sampled, and then that the one of before was freed.
#[test]
fn a_block_that_is_resized_in_place_unannounced_keeps_its_owner() {
    let table = table();
    table.insert(&Block { owner: Owner::Memprobe, ..block(address(1), 16) });
    table.insert(&block(address(1), 32));
    table.remove(address(1));
    assert_eq!(all(&table), [(address(1), 32, 64)]);
    table.each(|block| {
        assert!(matches!(block.owner, Owner::Memprobe));
        assert_eq!(block.born, 48);
    });
    table.remove(address(1));
    assert!(all(&table).is_empty());
}

#[test]
fn a_lifted_block_is_seen_and_its_address_is_free() {
    let table = table();
    table.insert(&Block { owner: Owner::Memprobe, ..block(address(1), 16) });
    let lifted = table.lift(address(1)).expect("it is there");
    assert!(table.lift(address(1)).is_none());
    let nowhere = (MOVING as usize).wrapping_mul(PAGE);
    assert_eq!(all(&table), [(nowhere, 16, 32)]);
    // Another thread has a sampled block there before the resize is done.
    table.insert(&block(address(1), 40));
    table.put(lifted, address(2), 48, 50);
    assert_eq!(all(&table), [(address(1), 40, 80), (address(2), 48, 50)]);
    table.each(|block| {
        assert_eq!(matches!(block.owner, Owner::Memprobe), block.address == address(2));
    });
    // A resize that failed, and one after which the block is no longer sampled.
    let lifted = table.lift(address(2)).expect("it is there");
    table.put_back(lifted, address(2));
    assert_eq!(all(&table), [(address(1), 40, 80), (address(2), 48, 50)]);
    let lifted = table.lift(address(2)).expect("it is there");
    table.discard(lifted);
    assert_eq!(all(&table), [(address(1), 40, 80)]);
    table.remove(address(1));
    assert!(all(&table).is_empty());
}

#[test]
fn keys_without_a_place_go_to_the_large_table_and_then_are_lost_and_counted() {
    let table = table();
    let pages = neighbours(&table, FEW + MANY + 5);
    for (count, &page) in pages.iter().enumerate() {
        table.insert(&block(address(page), 1 + page as u64));
        assert_eq!(table.is_large.load(Relaxed) != 0, count >= FEW);
        assert_eq!(table.lost(), (count + 1).saturating_sub(FEW + MANY) as u64);
    }
    let kept = |pages: &[usize]| -> Vec<_> {
        pages.iter().map(|&page| (address(page), 1 + page as u64, 2 + 2 * page as u64)).collect()
    };
    assert_eq!(all(&table), kept(&pages[..FEW + MANY]));
    // One that was lost is freed, which changes nothing.
    table.remove(address(pages[FEW + MANY]));
    assert_eq!(all(&table).len(), FEW + MANY);
    // Room in the small table is used again, and those in the large one are still found.
    table.remove(address(pages[0]));
    table.insert(&block(address(pages[FEW + MANY]), 1 + pages[FEW + MANY] as u64));
    assert_eq!(all(&table), kept(&pages[1..=FEW + MANY]));
    for &page in &pages {
        table.remove(address(page));
    }
    assert!(all(&table).is_empty());
    assert_eq!(table.lost(), 5);
    // A lifted block may also find its place taken.
    pages[..FEW + MANY].iter().for_each(|&page| table.insert(&block(address(page), 8)));
    let lifted = table.lift(address(pages[3])).expect("it is there");
    table.insert(&block(address(pages[FEW + MANY]), 8));
    table.put_back(lifted, address(pages[3]));
    assert_eq!((all(&table).len(), table.lost()), (FEW + MANY, 6));
}

#[test]
fn more_blocks_than_entries_are_lost_and_counted() {
    let table = table();
    // Spread, so that it is not the keys that have no place.
    let pages = 1..=ENTRIES + 10;
    pages.clone().for_each(|page| table.insert(&block(address(page), 8)));
    let (there, lost) = (all(&table).len(), table.lost() as usize);
    assert_eq!(there + lost, ENTRIES + 10);
    assert!((10..ENTRIES / 100).contains(&lost), "{lost}: keys are spread evenly");
    pages.for_each(|page| table.remove(address(page)));
    assert!(all(&table).is_empty());
    table.insert(&block(address(1), 8));
    assert_eq!(all(&table).len(), 1);
}

#[test]
fn entries_are_used_again() {
    let table = table();
    for round in 0..1000 {
        for page in 1..=10 {
            table.insert(&block(address(round * 10 + page), 8));
        }
        (1..=10).for_each(|page| table.remove(address(round * 10 + page)));
    }
    assert_eq!(table.used.load(Relaxed), 10);
    assert_eq!(table.lost(), 0);
}

/// Threads add, resize and remove blocks of their own, all of whose figures follow from the size;
/// meanwhile a reader looks at them.
#[test]
fn a_reader_never_sees_a_part_of_a_change() {
    const THREADS: usize = 4;
    let (table, over) = (table(), AtomicBool::new(false));
    let write = |thread: usize| {
        let mut random = thread as u64 + 1;
        let mut live: Vec<usize> = Vec::new();
        for _ in 0..30_000 {
            random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
            let page = (random >> 40) as usize % 5000 * THREADS + thread + 1;
            match live.iter().position(|&other| other == page) {
                None => {
                    let stack = vec![page; page % FRAMES];
                    table.insert(&Block { stack: &stack, ..block(address(page), page as u64) });
                    live.push(page);
                }
                Some(at) if random >> 30 & 1 == 0 => {
                    table.remove(address(page));
                    live.swap_remove(at);
                }
                Some(_) => {
                    // As by a resize that leaves it as it is.
                    let lifted = table.lift(address(page)).expect("it is there");
                    table.put(lifted, address(page), page as u64, 2 * page as u64);
                }
            }
            if live.len() > 200 {
                table.remove(address(live.swap_remove(0)));
            }
        }
        live
    };
    let read = || {
        let mut looks = 0_u64;
        while !over.load(Relaxed) {
            table.each(|block| {
                let page = block.size;
                assert_eq!((block.weight, block.born), (page * 2, page * 3));
                // One that is lifted has no address.
                let is_lifted = block.address == (MOVING as usize).wrapping_mul(PAGE);
                assert!(is_lifted || block.address == address(page as usize), "{page}");
                assert_eq!(block.stack.len(), page as usize % FRAMES);
                assert!(block.stack.iter().all(|&frame| frame == page as usize));
                looks += 1;
            });
        }
        looks
    };
    let (mut left, looks) = std::thread::scope(|scope| {
        let reader = scope.spawn(read);
        let write = &write;
        let writers: Vec<_> =
            (0..THREADS).map(|thread| scope.spawn(move || write(thread))).collect();
        let left: Vec<usize> =
            writers.into_iter().flat_map(|writer| writer.join().expect("no panic")).collect();
        over.store(true, Relaxed);
        (left, reader.join().expect("no torn block"))
    });
    left.sort_unstable();
    assert!(looks > 0 && !left.is_empty());
    let there: Vec<usize> = all(&table).iter().map(|(address, ..)| address / PAGE).collect();
    assert_eq!(there, left, "what was added and not removed");
    assert_eq!(table.lost(), 0);
    assert!(table.used.load(Relaxed) <= THREADS * 202, "entries are used again");
}
