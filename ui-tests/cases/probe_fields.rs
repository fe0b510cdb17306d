//! Fields by the names of variables, as in `tracing`'s macros.

use memprobe::probe;

pub struct Page {
    pub name: String,
}

impl std::fmt::Display for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl Page {
    #[memprobe::memprobe]
    pub fn shown(&self) -> usize {
        probe!("method", %self);
        self.name.len()
    }
}

pub static COUNT: u8 = 3;

#[memprobe::memprobe]
pub fn f<T: std::fmt::Debug>(rows: &[u8], first: Option<u8>, t: T, r#type: &str) -> T {
    let page = Page { name: String::from("page") };
    let event = rows.len();
    let mut sum = 0_u64;
    probe!("value", event);
    probe!("comma", event,);
    probe!("shown", ?rows, %page,);
    probe!("all", event, ?first, %page, r#type, COUNT, ?t, sum, rows = ?rows.first());
    probe!("raw", r#type, kind = r#type, %event);
    sum += page.shown() as u64;
    // Nothing is moved, and what is borrowed is free again.
    probe!("again", name = page.name, %page);
    drop(page);
    println!("{event} {first:?} {} {sum}", r#type);
    t
}

// The variables of a macro and of its caller are told apart.
macro_rules! fields {
    ($variable:ident, $value:expr) => {{
        let rows = "the macro's";
        probe!("macro", rows, ?$variable, value = $value, shown = %$value);
        probe!("macro", $variable = $value);
        probe!("macro", $variable);
        println!("{rows} {}", $value);
    }};
}

#[memprobe::memprobe]
pub async fn g(bytes: Vec<u8>) -> usize {
    let count = bytes.len();
    fields!(count, bytes.len());
    std::future::ready(()).await;
    probe!("waited", count, ?bytes);
    let last = async move {
        probe!("moved", count);
        count
    };
    last.await
}

fn main() {
    let t = f(&[1, 2], Some(1), 'x', "t");
    println!("{t} {COUNT} {}", pollster::block_on(g(vec![1, 2])));
}
