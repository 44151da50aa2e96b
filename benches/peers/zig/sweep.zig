//! The body of `src/body.rs`, `held`, swept by Zig's own test for allocation failures, for `benches/figures` to time.
//! PEERS_POINTS says how many points there are; with PEERS_BARE there is nothing behind it that checks.
const std = @import("std");

fn held(comptime n: usize) type {
    return struct {
        fn body(a: std.mem.Allocator) !void {
            var blocks: [n][]u8 = undefined;
            var made: usize = 0;
            defer while (made > 0) {
                made -= 1;
                a.free(blocks[made]);
            };
            while (made < n) {
                const block = try a.alloc(u8, 32);
                block[0] = @truncate(made);
                blocks[made] = block;
                made += 1;
            }
        }
    };
}

test "sweep" {
    const environ = std.testing.environ;
    const points = environ.getPosix("PEERS_POINTS") orelse return error.PointsNotNamed;
    const wanted = try std.fmt.parseInt(usize, points, 10);
    const backing = if (environ.getPosix("PEERS_BARE") == null) std.testing.allocator else std.heap.smp_allocator;
    inline for (.{ 100, 1_000, 2_000, 10_000 }) |n| {
        if (n == wanted) return std.testing.checkAllAllocationFailures(backing, held(n).body, .{});
    }
    return error.NoSuchNumberOfPoints;
}
