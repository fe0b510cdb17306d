//! Lints of sizes: what is large is the user's, and said once.

use std::future::ready;

#[memprobe::memprobe]
pub async fn holds_much() -> u8 {
    let array = [1_u8; 20_000];
    ready(()).await;
    array[1]
}

#[memprobe::memprobe]
pub async fn awaits_much() -> u8 {
    holds_much().await
}

#[memprobe::memprobe]
pub fn takes_much(array: [u8; 20_000]) -> u8 {
    array[1]
}

#[memprobe::memprobe]
pub async fn takes_much_async(array: [u8; 20_000]) -> u8 {
    array[1]
}

#[memprobe::memprobe]
pub fn gives_much() -> Result<u8, [u8; 500]> {
    Err([1; 500])
}

#[memprobe::memprobe]
pub async fn gives_much_async() -> Result<u8, [u8; 500]> {
    Err([1; 500])
}

#[memprobe::memprobe]
pub fn long(mut x: u64) -> u64 {
    x = x.wrapping_mul(1);
    x = x.wrapping_mul(2);
    x = x.wrapping_mul(3);
    x = x.wrapping_mul(4);
    x = x.wrapping_mul(5);
    x = x.wrapping_mul(6);
    x = x.wrapping_mul(7);
    x = x.wrapping_mul(8);
    x = x.wrapping_mul(9);
    x = x.wrapping_mul(10);
    x = x.wrapping_mul(11);
    x = x.wrapping_mul(12);
    x = x.wrapping_mul(13);
    x = x.wrapping_mul(14);
    x = x.wrapping_mul(15);
    x = x.wrapping_mul(16);
    x = x.wrapping_mul(17);
    x = x.wrapping_mul(18);
    x = x.wrapping_mul(19);
    x = x.wrapping_mul(20);
    x = x.wrapping_mul(21);
    x = x.wrapping_mul(22);
    x = x.wrapping_mul(23);
    x = x.wrapping_mul(24);
    x = x.wrapping_mul(25);
    x = x.wrapping_mul(26);
    x = x.wrapping_mul(27);
    x = x.wrapping_mul(28);
    x = x.wrapping_mul(29);
    x = x.wrapping_mul(30);
    x = x.wrapping_mul(31);
    x = x.wrapping_mul(32);
    x = x.wrapping_mul(33);
    x = x.wrapping_mul(34);
    x = x.wrapping_mul(35);
    x = x.wrapping_mul(36);
    x = x.wrapping_mul(37);
    x = x.wrapping_mul(38);
    x = x.wrapping_mul(39);
    x = x.wrapping_mul(40);
    x = x.wrapping_mul(41);
    x = x.wrapping_mul(42);
    x = x.wrapping_mul(43);
    x = x.wrapping_mul(44);
    x = x.wrapping_mul(45);
    x = x.wrapping_mul(46);
    x = x.wrapping_mul(47);
    x = x.wrapping_mul(48);
    x = x.wrapping_mul(49);
    x = x.wrapping_mul(50);
    x = x.wrapping_mul(51);
    x = x.wrapping_mul(52);
    x = x.wrapping_mul(53);
    x = x.wrapping_mul(54);
    x = x.wrapping_mul(55);
    x = x.wrapping_mul(56);
    x = x.wrapping_mul(57);
    x = x.wrapping_mul(58);
    x = x.wrapping_mul(59);
    x = x.wrapping_mul(60);
    x = x.wrapping_mul(61);
    x = x.wrapping_mul(62);
    x = x.wrapping_mul(63);
    x = x.wrapping_mul(64);
    x = x.wrapping_mul(65);
    x = x.wrapping_mul(66);
    x = x.wrapping_mul(67);
    x = x.wrapping_mul(68);
    x = x.wrapping_mul(69);
    x = x.wrapping_mul(70);
    x = x.wrapping_mul(71);
    x = x.wrapping_mul(72);
    x = x.wrapping_mul(73);
    x = x.wrapping_mul(74);
    x = x.wrapping_mul(75);
    x = x.wrapping_mul(76);
    x = x.wrapping_mul(77);
    x = x.wrapping_mul(78);
    x = x.wrapping_mul(79);
    x = x.wrapping_mul(80);
    x = x.wrapping_mul(81);
    x = x.wrapping_mul(82);
    x = x.wrapping_mul(83);
    x = x.wrapping_mul(84);
    x = x.wrapping_mul(85);
    x = x.wrapping_mul(86);
    x = x.wrapping_mul(87);
    x = x.wrapping_mul(88);
    x = x.wrapping_mul(89);
    x = x.wrapping_mul(90);
    x = x.wrapping_mul(91);
    x = x.wrapping_mul(92);
    x = x.wrapping_mul(93);
    x = x.wrapping_mul(94);
    x = x.wrapping_mul(95);
    x = x.wrapping_mul(96);
    x = x.wrapping_mul(97);
    x = x.wrapping_mul(98);
    x = x.wrapping_mul(99);
    x = x.wrapping_mul(100);
    x = x.wrapping_mul(101);
    x = x.wrapping_mul(102);
    x
}

#[memprobe::memprobe]
pub async fn long_async(mut x: u64) -> u64 {
    x = x.wrapping_mul(1);
    x = x.wrapping_mul(2);
    x = x.wrapping_mul(3);
    x = x.wrapping_mul(4);
    x = x.wrapping_mul(5);
    x = x.wrapping_mul(6);
    x = x.wrapping_mul(7);
    x = x.wrapping_mul(8);
    x = x.wrapping_mul(9);
    x = x.wrapping_mul(10);
    x = x.wrapping_mul(11);
    x = x.wrapping_mul(12);
    x = x.wrapping_mul(13);
    x = x.wrapping_mul(14);
    x = x.wrapping_mul(15);
    x = x.wrapping_mul(16);
    x = x.wrapping_mul(17);
    x = x.wrapping_mul(18);
    x = x.wrapping_mul(19);
    x = x.wrapping_mul(20);
    x = x.wrapping_mul(21);
    x = x.wrapping_mul(22);
    x = x.wrapping_mul(23);
    x = x.wrapping_mul(24);
    x = x.wrapping_mul(25);
    x = x.wrapping_mul(26);
    x = x.wrapping_mul(27);
    x = x.wrapping_mul(28);
    x = x.wrapping_mul(29);
    x = x.wrapping_mul(30);
    x = x.wrapping_mul(31);
    x = x.wrapping_mul(32);
    x = x.wrapping_mul(33);
    x = x.wrapping_mul(34);
    x = x.wrapping_mul(35);
    x = x.wrapping_mul(36);
    x = x.wrapping_mul(37);
    x = x.wrapping_mul(38);
    x = x.wrapping_mul(39);
    x = x.wrapping_mul(40);
    x = x.wrapping_mul(41);
    x = x.wrapping_mul(42);
    x = x.wrapping_mul(43);
    x = x.wrapping_mul(44);
    x = x.wrapping_mul(45);
    x = x.wrapping_mul(46);
    x = x.wrapping_mul(47);
    x = x.wrapping_mul(48);
    x = x.wrapping_mul(49);
    x = x.wrapping_mul(50);
    x = x.wrapping_mul(51);
    x = x.wrapping_mul(52);
    x = x.wrapping_mul(53);
    x = x.wrapping_mul(54);
    x = x.wrapping_mul(55);
    x = x.wrapping_mul(56);
    x = x.wrapping_mul(57);
    x = x.wrapping_mul(58);
    x = x.wrapping_mul(59);
    x = x.wrapping_mul(60);
    x = x.wrapping_mul(61);
    x = x.wrapping_mul(62);
    x = x.wrapping_mul(63);
    x = x.wrapping_mul(64);
    x = x.wrapping_mul(65);
    x = x.wrapping_mul(66);
    x = x.wrapping_mul(67);
    x = x.wrapping_mul(68);
    x = x.wrapping_mul(69);
    x = x.wrapping_mul(70);
    x = x.wrapping_mul(71);
    x = x.wrapping_mul(72);
    x = x.wrapping_mul(73);
    x = x.wrapping_mul(74);
    x = x.wrapping_mul(75);
    x = x.wrapping_mul(76);
    x = x.wrapping_mul(77);
    x = x.wrapping_mul(78);
    x = x.wrapping_mul(79);
    x = x.wrapping_mul(80);
    x = x.wrapping_mul(81);
    x = x.wrapping_mul(82);
    x = x.wrapping_mul(83);
    x = x.wrapping_mul(84);
    x = x.wrapping_mul(85);
    x = x.wrapping_mul(86);
    x = x.wrapping_mul(87);
    x = x.wrapping_mul(88);
    x = x.wrapping_mul(89);
    x = x.wrapping_mul(90);
    x = x.wrapping_mul(91);
    x = x.wrapping_mul(92);
    x = x.wrapping_mul(93);
    x = x.wrapping_mul(94);
    x = x.wrapping_mul(95);
    x = x.wrapping_mul(96);
    x = x.wrapping_mul(97);
    x = x.wrapping_mul(98);
    x = x.wrapping_mul(99);
    x = x.wrapping_mul(100);
    x = x.wrapping_mul(101);
    x = x.wrapping_mul(102);
    x
}

#[memprobe::memprobe]
pub fn branching(x: u64) -> u64 {
    if x == 1 {
        return 1;
    }
    if x == 2 {
        return 4;
    }
    if x == 3 {
        return 9;
    }
    if x == 4 {
        return 16;
    }
    if x == 5 {
        return 25;
    }
    if x == 6 {
        return 36;
    }
    if x == 7 {
        return 49;
    }
    if x == 8 {
        return 64;
    }
    if x == 9 {
        return 81;
    }
    if x == 10 {
        return 100;
    }
    if x == 11 {
        return 121;
    }
    if x == 12 {
        return 144;
    }
    if x == 13 {
        return 169;
    }
    if x == 14 {
        return 196;
    }
    if x == 15 {
        return 225;
    }
    if x == 16 {
        return 256;
    }
    if x == 17 {
        return 289;
    }
    if x == 18 {
        return 324;
    }
    if x == 19 {
        return 361;
    }
    if x == 20 {
        return 400;
    }
    if x == 21 {
        return 441;
    }
    if x == 22 {
        return 484;
    }
    if x == 23 {
        return 529;
    }
    if x == 24 {
        return 576;
    }
    if x == 25 {
        return 625;
    }
    if x == 26 {
        return 676;
    }
    0
}

#[memprobe::memprobe]
pub async fn branching_async(x: u64) -> u64 {
    if x == 1 {
        return 1;
    }
    if x == 2 {
        return 4;
    }
    if x == 3 {
        return 9;
    }
    if x == 4 {
        return 16;
    }
    if x == 5 {
        return 25;
    }
    if x == 6 {
        return 36;
    }
    if x == 7 {
        return 49;
    }
    if x == 8 {
        return 64;
    }
    if x == 9 {
        return 81;
    }
    if x == 10 {
        return 100;
    }
    if x == 11 {
        return 121;
    }
    if x == 12 {
        return 144;
    }
    if x == 13 {
        return 169;
    }
    if x == 14 {
        return 196;
    }
    if x == 15 {
        return 225;
    }
    if x == 16 {
        return 256;
    }
    if x == 17 {
        return 289;
    }
    if x == 18 {
        return 324;
    }
    if x == 19 {
        return 361;
    }
    if x == 20 {
        return 400;
    }
    if x == 21 {
        return 441;
    }
    if x == 22 {
        return 484;
    }
    if x == 23 {
        return 529;
    }
    if x == 24 {
        return 576;
    }
    if x == 25 {
        return 625;
    }
    if x == 26 {
        return 676;
    }
    0
}
