//! What never was an element is dropped as one.

use array_queue::ArrayQueue;
use id_map::IdMap;

/// `pop_back` forgets that the queue does not always begin where its array does.
pub fn array_queue_2020_0047() {
    let mut words: ArrayQueue<[String; 4]> = ArrayQueue::new();
    for word in ["apple", "pear", "plum"] {
        words.push_back(&word.to_owned()).expect("there is room");
    }
    drop(words.pop_front());
    drop(words.pop_back());
}

/// All that the vector has room for counts, not only what is in it.
pub fn id_map_2025_0050() {
    let even: IdMap<Box<u64>> = (1..=10).filter(|number| number % 2 == 0).map(Box::new).collect();
    drop(even);
}
