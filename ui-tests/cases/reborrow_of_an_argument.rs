//! A reborrow of an argument is returned.

pub struct Node {
    next: Option<Box<Node>>,
    value: u8,
}

pub struct Ref<'a>(&'a mut Node);

pub fn get_ref(node: &mut Node) -> Option<Ref<'_>> {
    Some(Ref(node))
}

#[memprobe::memprobe]
pub fn f<'a>(node: &'a mut Node) -> Result<Option<Ref<'a>>, ()> {
    Ok(get_ref(node))
}

#[memprobe::memprobe]
pub fn deepest(mut node: &mut Node) -> &mut Node {
    while node.next.is_some() {
        node = node.next.as_mut().unwrap();
    }
    node
}

#[memprobe::memprobe]
pub async fn g<'a>(node: &'a mut Node) -> Result<Option<Ref<'a>>, ()> {
    std::future::ready(()).await;
    Ok(get_ref(node))
}

fn main() {
    let mut node = Node { next: Some(Box::new(Node { next: None, value: 2 })), value: 1 };
    println!("{}", deepest(&mut node).value);
    println!("{}", f(&mut node).unwrap().unwrap().0.value);
    println!("{}", pollster::block_on(g(&mut node)).unwrap().unwrap().0.value);
}
