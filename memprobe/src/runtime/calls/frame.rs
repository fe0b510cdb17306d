//! The figures of one call in its frame: what it did since the frame was entered, and before. Pure
//! arithmetic: logical counters are read elsewhere and passed in.

use crate::runtime::readings::bytes::{Bytes, BytesCell, NetCell};
use crate::runtime::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// One open call, or one poll of one.
///
/// In a clean frame all fields except `entered` are 0. Levels are nets of the thread above its net
/// at `entered`, in bytes.
#[derive(Default)]
pub(crate) struct Frame {
    /// The logical counters when the frame was entered.
    entered: BytesCell,
    /// True if any field other than `entered` may differ from 0.
    dirty: AtomicBool,
    /// What is done in the frame does not count for the caller on this thread.
    detached: AtomicBool,
    /// What the call had done when the frame was entered, plus what work elsewhere has done since.
    call: BytesCell,
    /// Offset that makes `segment + done` the bytes of the segment; negative if the segment began
    /// after the frame was entered.
    segment: BytesCell,
    /// What nested calls did in this segment.
    nested: BytesCell,
    /// Net of the nested calls of this call.
    children_kept: NetCell,
    /// What work elsewhere did for the call since the frame was entered.
    credited: BytesCell,
    /// Highest level since the frame was entered: in the current segment, in the call, and in the
    /// call while this was the innermost frame, less what nested calls had kept.
    segment_max: NetCell,
    call_max: NetCell,
    self_max: NetCell,
    /// The peaks of earlier polls. They are kept separately: the caller of the current poll must
    /// not be credited with them.
    earlier_segment_peak: NetCell,
    earlier_call_peak: NetCell,
    earlier_self_peak: NetCell,
}

/// What a call has done so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    pub call: Bytes,
    /// Highest net of the call above its start, in bytes.
    pub call_peak: i64,
    pub segment: Bytes,
    pub nested: Bytes,
    /// Highest net of the segment above its start, in bytes.
    pub segment_peak: i64,
    /// Highest net of the call while it was the innermost, less what nested calls had kept, in
    /// bytes.
    pub self_peak: i64,
}

impl Progress {
    /// Returns the highest net in the segment above the start of the call, in bytes.
    pub fn level(&self) -> u64 {
        let before = self.call.net().wrapping_sub(self.segment.net());
        before.wrapping_add(self.segment_peak).max(0) as u64
    }
}

/// What was done in a frame that has just been closed.
#[derive(Clone, Copy)]
pub(crate) enum Delta {
    /// Neither the frame nor its call has allocated or freed.
    Idle,
    /// The frame is all of its call, without a nested call or a probe: its bytes, and its highest
    /// level, at least 0. The record holds none of it.
    Simple(Bytes, i64),
    /// The record holds it, to be read with these logical counters.
    Full(Bytes),
}

impl Frame {
    /// Enters the frame at the logical counters `now`.
    #[inline]
    pub fn enter(&self, now: Bytes) {
        self.entered.set(now);
    }

    /// The logical counters when the frame was entered.
    #[inline]
    pub fn entered(&self) -> Bytes {
        self.entered.get()
    }

    /// Makes the frame clean.
    #[inline]
    pub fn clear(&self) {
        self.call.set(Bytes::ZERO);
        self.segment.set(Bytes::ZERO);
        self.nested.set(Bytes::ZERO);
        self.credited.set(Bytes::ZERO);
        self.segment_max.set(0);
        self.call_max.set(0);
        self.self_max.set(0);
        self.earlier_segment_peak.set(0);
        self.earlier_call_peak.set(0);
        self.earlier_self_peak.set(0);
        self.children_kept.set(0);
        self.detached.store(false, Relaxed);
        self.dirty.store(false, Relaxed);
    }

    /// Whether the frame is dirty, so that the end of the call must read and clear it.
    #[inline]
    pub fn is_dirty(&self) -> bool {
        self.dirty.load(Relaxed)
    }

    #[inline]
    pub fn mark_dirty(&self) {
        self.dirty.store(true, Relaxed);
    }

    /// Sets whether what is done in the frame is kept from the frames around it.
    pub fn set_detached(&self, detached: bool) {
        self.detached.store(detached, Relaxed);
        self.mark_dirty();
    }

    #[inline]
    pub fn is_detached(&self) -> bool {
        self.detached.load(Relaxed)
    }

    /// Closes the frame; `highest` is the highest net since the peak slot was last flushed. Returns
    /// the delta, what was done in the frame, and the level that counts for its caller.
    #[allow(clippy::inline_always, reason = "its other uses are rare")]
    #[inline(always)]
    pub fn close(&self, now: Bytes, highest: i64) -> (Delta, Bytes, i64) {
        let entered = self.entered.get();
        let (done, level) = (now.since(entered), highest.wrapping_sub(entered.net()).max(0));
        if self.is_dirty() {
            self.raise_own(highest);
            (Delta::Full(now), done, self.call_max.get())
        } else {
            (Delta::Simple(done, level), done, level)
        }
    }

    /// Returns what was done since the frame was entered.
    #[inline]
    pub fn done(&self, now: Bytes) -> Bytes {
        now.since(self.entered.get())
    }

    /// Returns the net of the call, in bytes.
    #[inline]
    pub fn net(&self, now: Bytes) -> i64 {
        self.call.get().plus(self.done(now)).net()
    }

    /// Returns what the call has done when the counters stand at `now`.
    #[inline]
    pub fn progress(&self, now: Bytes) -> Progress {
        let (call, segment, done) = (self.call.get(), self.segment.get(), self.done(now));
        let peak = |max: &NetCell, before: Bytes, earlier: &NetCell| {
            max.get().wrapping_add(before.net()).max(earlier.get())
        };
        Progress {
            call: call.plus(done),
            call_peak: peak(&self.call_max, call, &self.earlier_call_peak),
            segment: segment.plus(done),
            nested: self.nested.get(),
            segment_peak: peak(&self.segment_max, segment, &self.earlier_segment_peak),
            self_peak: peak(&self.self_max, call, &self.earlier_self_peak),
        }
    }

    /// Counts what was done here for the frame around this one.
    #[allow(clippy::inline_always, reason = "its other uses are rare")]
    #[inline(always)]
    pub fn credit_to(&self, around: &Frame, done: Bytes, level: i64, now: Bytes) {
        around.raise(self.entered.get().net().wrapping_add(level));
        around.nested.add(done);
        around.children_kept.add(done.net());
        if self.credited.get() != Bytes::ZERO {
            self.pass_on(around, now);
        }
    }

    /// Counts what was done here so far for the frame around this one, as if this one were left and
    /// entered again.
    pub fn settle(&self, around: &Frame, now: Bytes) {
        self.credit_to(around, self.done(now), self.call_max.get(), now);
        self.keep(&self.progress(now));
        self.enter(now);
    }

    /// Counts what work elsewhere did for the call, with which the call reached `level` above its
    /// start.
    pub fn credit_at(&self, now: Bytes, bytes: Bytes, level: i64) {
        let net = bytes.net();
        // The bytes count as done before the frame was entered; the peaks stay as they were.
        self.call.add(bytes);
        self.segment.add(bytes);
        for max in [&self.segment_max, &self.call_max, &self.self_max] {
            max.add(net.wrapping_neg());
        }
        self.nested.add(bytes);
        self.children_kept.add(net);
        self.credited.add(bytes);
        self.raise(now.net());
        let start = self.entered.get().since(self.call.get());
        self.raise(start.net().wrapping_add(level));
    }

    /// Counts what was credited here for the frame around this one.
    #[cold]
    fn pass_on(&self, around: &Frame, now: Bytes) {
        let before = around.net(self.entered.get());
        let peak = self.call_max.get().wrapping_add(self.credited.get().net());
        around.credit_at(now, self.credited.get(), before.saturating_add(peak));
    }

    /// Raises the maxima to a net that this call, or a nested one, has reached.
    #[inline]
    pub fn raise(&self, net: i64) {
        self.mark_dirty();
        let level = net.wrapping_sub(self.entered.get().net());
        self.segment_max.raise(level);
        self.call_max.raise(level);
    }

    /// Raises the maxima to a net that this call has reached while it was the innermost.
    #[inline]
    pub fn raise_own(&self, net: i64) {
        self.raise(net);
        let level = net.wrapping_sub(self.entered.get().net());
        self.self_max.raise(level.wrapping_sub(self.children_kept.get()));
    }

    /// Ends the segment at the counters `now`. Returns what the call has done, and starts the next
    /// segment.
    #[inline]
    pub fn cut(&self, now: Bytes) -> Progress {
        let progress = self.progress(now);
        let done = self.done(now);
        self.segment.set(Bytes::ZERO.since(done));
        self.nested.set(Bytes::ZERO);
        self.segment_max.set(done.net());
        self.earlier_segment_peak.set(0);
        self.mark_dirty();
        progress
    }

    /// Returns what the call has done, given the delta of its closed frame.
    #[inline]
    pub fn progress_of(&self, left: Delta) -> Progress {
        match left {
            Delta::Idle => Progress::default(),
            Delta::Simple(done, level) => Progress {
                call: done,
                call_peak: level,
                segment: done,
                nested: Bytes::ZERO,
                segment_peak: level,
                self_peak: level,
            },
            Delta::Full(now) => self.progress(now),
        }
    }

    /// Returns what was done since the frame was entered, also elsewhere, and the highest level
    /// reached.
    pub fn since_entered(&self, left: Delta) -> (Bytes, i64) {
        match left {
            Delta::Idle => (Bytes::ZERO, 0),
            Delta::Simple(done, level) => (done, level),
            Delta::Full(now) => {
                let credited = self.credited.get();
                let level = self.call_max.get().wrapping_add(credited.net());
                (self.done(now).plus(credited), level)
            }
        }
    }

    /// Keeps what the call has done until its next frame is opened.
    pub fn keep(&self, progress: &Progress) {
        self.mark_dirty();
        self.call.set(progress.call);
        self.segment.set(progress.segment);
        self.earlier_call_peak.set(progress.call_peak);
        self.earlier_segment_peak.set(progress.segment_peak);
        self.earlier_self_peak.set(progress.self_peak);
        self.segment_max.set(0);
        self.call_max.set(0);
        self.self_max.set(self.children_kept.get().wrapping_neg());
        self.credited.set(Bytes::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thread with frames, and beside each what a naive count of every step says of its call.
    #[derive(Default)]
    struct Model {
        now: Bytes,
        /// The highest net since the last look.
        highest: i64,
        open: Vec<(Frame, Naive)>,
    }

    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    struct Naive {
        call: Bytes,
        call_peak: i64,
        segment: Bytes,
        segment_peak: i64,
        nested: Bytes,
    }

    impl Naive {
        fn step(&mut self, step: Bytes) {
            self.call = self.call.plus(step);
            self.call_peak = self.call_peak.max(self.call.net());
            self.segment = self.segment.plus(step);
            self.segment_peak = self.segment_peak.max(self.segment.net());
        }

        fn of(progress: &Progress) -> Naive {
            let &Progress { call, call_peak, segment, segment_peak, nested, .. } = progress;
            Naive { call, call_peak, segment, segment_peak, nested }
        }
    }

    impl Model {
        fn step(&mut self, allocated: u64, freed: u64) {
            // First what is allocated, so that the net is highest between the two.
            for step in [Bytes { allocated, freed: 0 }, Bytes { allocated: 0, freed }] {
                self.now = self.now.plus(step);
                self.highest = self.highest.max(self.now.net());
                let innermost = self.open.len().wrapping_sub(1);
                for (at, (_, naive)) in self.open.iter_mut().enumerate() {
                    naive.step(step);
                    if at != innermost {
                        naive.nested = naive.nested.plus(step);
                    }
                }
            }
        }

        fn flush(&mut self) -> Bytes {
            if let Some((innermost, _)) = self.open.last() {
                innermost.raise_own(self.highest);
            }
            self.highest = self.now.net();
            self.now
        }

        fn enter(&mut self) {
            let now = self.flush();
            let frame = Frame::default();
            frame.enter(now);
            self.open.push((frame, Naive::default()));
        }

        fn cut(&mut self) {
            let now = self.flush();
            let Some((frame, naive)) = self.open.last_mut() else { return };
            assert_eq!(Naive::of(&frame.cut(now)), *naive);
            (naive.segment, naive.segment_peak, naive.nested) = (Bytes::ZERO, 0, Bytes::ZERO);
        }

        fn leave(&mut self) {
            let Some((frame, naive)) = self.open.pop() else { return };
            let (delta, done, level) = frame.close(self.now, self.highest);
            self.highest = self.now.net();
            if let Some((around, _)) = self.open.last() {
                frame.credit_to(around, done, level, self.now);
            }
            assert_eq!(Naive::of(&frame.progress_of(delta)), naive);
        }
    }

    #[test]
    fn nested_frames_have_what_a_count_of_every_step_has() {
        let mut random = 1_u64;
        let mut next = move |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % below
        };
        let mut model = Model::default();
        for _ in 0..20_000 {
            match next(8) {
                0 | 1 if model.open.len() < 12 => model.enter(),
                2 | 3 => model.leave(),
                4 => model.cut(),
                _ => model.step(next(1000), next(1000)),
            }
        }
        while !model.open.is_empty() {
            model.leave();
        }
    }

    fn mib(allocated: u64, freed: u64) -> Bytes {
        Bytes { allocated: allocated << 20, freed: freed << 20 }
    }

    #[test]
    fn a_suspended_call_goes_on_where_it_was() {
        let frame = Frame::default();
        frame.enter(mib(10, 0));
        // 3 MiB, of which 1 stays.
        let (delta, ..) = frame.close(mib(13, 2), 13 << 20);
        frame.keep(&frame.progress_of(delta));
        // On another thread, whose counters stand elsewhere.
        frame.enter(mib(500, 400));
        let (delta, ..) = frame.close(mib(501, 400), 101 << 20);
        let progress = frame.progress_of(delta);
        assert_eq!((progress.call, progress.call_peak), (mib(4, 2), 3 << 20));
        frame.clear();
        assert!(!frame.is_dirty());
    }

    #[test]
    fn work_elsewhere_counts_as_if_the_call_had_done_it_before() {
        let frame = Frame::default();
        frame.enter(Bytes::ZERO);
        frame.raise_own(1 << 20);
        frame.credit_at(mib(1, 0), mib(5, 5), 6 << 20);
        let progress = frame.cut(mib(1, 0));
        assert_eq!((progress.call, progress.call_peak), (mib(6, 5), 6 << 20));
        assert_eq!((progress.segment, progress.nested), (mib(6, 5), mib(5, 5)));
    }
}
