package clipper;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Map;
import java.util.concurrent.CountDownLatch;

/**
 * A model container for Clipper: Java 17, no jars. It speaks the protocol of docs/protocol.md, version 1.
 *
 * <p>One thread reads and writes for all peers without blocking, and computes one batch at a time, each peer in its turn.
 * Everything that a peer can make it hold is bounded.
 */
public final class Container {
    private static final int MAX_PEERS = 64;
    private static final int SOCKET_BUFFER = 4 << 20;
    private static final long GOODBYE_NS = 1_000_000_000L; // for all peers together to take their last results
    private static final long LONGEST_WAIT_MS = 1000;
    private static final int CANNOT_LOAD = 4;
    private static final int CANNOT_LISTEN = 6;
    private static final int USAGE = 2;

    private final Options options;
    private final String inputType;
    private final Model model;
    private final ServerSocketChannel listener;
    private final Selector selector;
    private final Deque<Peer> peers = new ArrayDeque<>();
    private volatile boolean stopping;
    private boolean alone = true;
    private long orphanAt;

    private Container(Options options, String inputType, Model model, ServerSocketChannel listener) throws IOException {
        this.options = options;
        this.inputType = inputType;
        this.model = model;
        this.listener = listener;
        this.selector = Selector.open();
    }

    /**
     * Runs a container to its end and ends the process. {@code inputType} is what one input is: bytes, integers, floats,
     * doubles or strings.
     */
    public static void serve(String[] arguments, String inputType, Model.Loader loader) {
        Options options;
        try {
            options = Options.parse(arguments, System.getenv("CLIPPER_CONTAINER_TOKEN"));
        } catch (IllegalArgumentException error) {
            end(USAGE, error.getMessage());
            return;
        }
        Model model;
        try {
            model = loader.load(options.bundle());
        } catch (Exception | LinkageError error) {
            error.printStackTrace();
            end(CANNOT_LOAD, "Loading the model failed: " + error);
            return;
        }
        try (ServerSocketChannel listener = listen(options.listen())) {
            log("Ready: " + options.model() + " version " + options.version() + " on " + options.listen());
            new Container(options, inputType, model, listener).run();
        } catch (IOException | IllegalArgumentException error) {
            end(CANNOT_LISTEN, "Cannot listen on " + options.listen() + ": " + error);
        }
    }

    static void log(String line) {
        System.err.println(line);
    }

    private static void end(int code, String reason) {
        log(reason);
        Runtime.getRuntime().halt(code);
    }

    private static ServerSocketChannel listen(String address) throws IOException {
        String place = address.substring(address.indexOf(':') + 1);
        ServerSocketChannel listener;
        if (address.startsWith("unix:/")) {
            Path path = Path.of(place);
            boolean left = Files.exists(path, LinkOption.NOFOLLOW_LINKS)
                && Files.readAttributes(path, java.nio.file.attribute.BasicFileAttributes.class).isOther();
            if (left) {
                Files.delete(path);
            }
            listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
            listener.bind(UnixDomainSocketAddress.of(path), MAX_PEERS);
            Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-------"));
        } else if (address.startsWith("tcp:") && place.contains(":")) {
            int colon = place.lastIndexOf(':');
            listener = ServerSocketChannel.open();
            listener.setOption(StandardSocketOptions.SO_REUSEADDR, true);
            listener.bind(new InetSocketAddress(place.substring(0, colon), Integer.parseInt(place.substring(colon + 1))),
                MAX_PEERS);
        } else {
            throw new IllegalArgumentException("expected unix:/absolute/path or tcp:host:port");
        }
        listener.configureBlocking(false);
        return listener;
    }

    /** Serves until SIGTERM or SIGINT, or until nobody was there for the grace. */
    private void run() throws IOException {
        // The virtual machine runs hooks when it is asked to end, and ends when they have: with code 143 unless halted.
        CountDownLatch left = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            stopping = true;
            selector.wakeup();
            try {
                left.await();
            } catch (InterruptedException error) {
                log("Leaving was interrupted");
            }
            Runtime.getRuntime().halt(0);
        }));
        orphanAt = System.nanoTime() + graceNs();
        listener.register(selector, SelectionKey.OP_ACCEPT);
        while (!stopping && (!alone || orphanAt - System.nanoTime() > 0)) {
            turn();
        }
        log(stopping ? "Leaving: asked to stop" : "Leaving: no peer");
        leave();
        left.countDown();
        Runtime.getRuntime().halt(0);
    }

    private void turn() throws IOException {
        long waitMs = waitMs();
        if (waitMs == 0) {
            selector.selectNow();
        } else {
            selector.select(waitMs);
        }
        for (SelectionKey key : selector.selectedKeys()) {
            if (key.attachment() == null) {
                accept();
            } else if (!((Peer) key.attachment()).hasWork()) {
                move((Peer) key.attachment());
            }
        }
        selector.selectedKeys().clear();
        long now = System.nanoTime();
        for (Peer peer : new ArrayList<>(peers)) {
            if (peer.isOverdue(now)) {
                hangUp(peer, "it kept us waiting in the middle of a message");
            }
        }
        answerOne();
    }

    private long waitMs() {
        long now = System.nanoTime();
        long leastNs = LONGEST_WAIT_MS * 1_000_000;
        if (alone) {
            leastNs = Math.min(leastNs, orphanAt - now);
        }
        for (Peer peer : peers) {
            if (peer.hasWork()) {
                return 0;
            }
            if (peer.timed) {
                leastNs = Math.min(leastNs, peer.overdueAt - now);
            }
        }
        return leastNs <= 0 ? 0 : leastNs / 1_000_000 + 1;
    }

    private void accept() {
        try {
            SocketChannel channel = listener.accept();
            if (channel == null) {
                return;
            }
            if (peers.size() >= MAX_PEERS) {
                channel.close();
                return;
            }
            channel.configureBlocking(false);
            channel.setOption(StandardSocketOptions.SO_SNDBUF, SOCKET_BUFFER);
            channel.setOption(StandardSocketOptions.SO_RCVBUF, SOCKET_BUFFER);
            SocketAddress local = channel.getLocalAddress();
            if (local instanceof InetSocketAddress) {
                channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
            }
            Peer peer = new Peer(channel);
            channel.register(selector, SelectionKey.OP_READ, peer);
            peers.add(peer);
        } catch (IOException error) {
            log("Accepting a link failed: " + error);
        }
    }

    /** Bytes in or out. */
    private void move(Peer peer) {
        try {
            boolean alive = peer.isBlocked() ? peer.flush() : peer.receive();
            if (alive) {
                watch(peer);
            } else {
                hangUp(peer, "it has gone");
            }
        } catch (ProtocolException error) {
            hangUp(peer, error.getMessage());
        }
    }

    private void watch(Peer peer) {
        int wanted = peer.isBlocked() ? SelectionKey.OP_WRITE : peer.hasFrame() ? 0 : SelectionKey.OP_READ;
        SelectionKey key = peer.channel.keyFor(selector);
        if (key.interestOps() != wanted) {
            key.interestOps(wanted);
        }
    }

    /** Answers the first peer that waits for something; the others are next. */
    private void answerOne() {
        Peer peer = peers.stream().filter(Peer::hasWork).findFirst().orElse(null);
        if (peer == null) {
            return;
        }
        peers.remove(peer);
        peers.add(peer);
        try {
            if (peer.type() == Frames.GOODBYE) {
                hangUp(peer, "it said goodbye");
            } else if (!answer(peer)) {
                hangUp(peer, "it has gone");
            } else {
                peer.nextFrame();
                watch(peer);
            }
        } catch (ProtocolException error) {
            hangUp(peer, error.getMessage());
        }
    }

    /** False: the peer has gone, or is refused. */
    private boolean answer(Peer peer) throws ProtocolException {
        switch (peer.type()) {
            case Frames.HELLO:
                return greet(peer);
            case Frames.PING:
                return peer.send(Frames.empty(Frames.PONG, peer.id()));
            case Frames.PREDICT:
                return peer.send(predict(peer));
            default:
                return true; // a PONG
        }
    }

    private boolean greet(Peer peer) throws ProtocolException {
        Map<String, Object> hello = Json.object(peer.body());
        Object protocol = hello.get("protocol");
        Object token = hello.get("token");
        Object arena = hello.getOrDefault("arena", 0L);
        if (!(protocol instanceof Long) || !(token instanceof String) || !(hello.get("peer") instanceof String)
            || !(arena instanceof Long)) {
            throw new ProtocolException("a HELLO without one of its fields, or with one of another type");
        }
        if ((Long) protocol != 1) {
            return refuse(peer, "protocol", "This container speaks protocol 1, not " + protocol);
        }
        byte[] expected = options.token().substring(0, 32).getBytes(StandardCharsets.UTF_8);
        if (!MessageDigest.isEqual(((String) token).getBytes(StandardCharsets.UTF_8), expected)) {
            return refuse(peer, "token", "The token is not the one this container was started with");
        }
        peer.welcome = true;
        alone = false;
        // The arena is not taken: a descriptor cannot be received without native code. Everything comes inline.
        return peer.send(Frames.json(Frames.WELCOME, "{\"protocol\": 1, \"token\": " + Json.quote(options.token().substring(32))
            + ", \"model\": " + Json.quote(options.model()) + ", \"version\": " + Json.quote(options.version())
            + ", \"input_type\": " + Json.quote(inputType) + "}"));
    }

    private boolean refuse(Peer peer, String code, String message) {
        peer.send(Frames.json(Frames.REJECT, "{\"code\": " + Json.quote(code) + ", \"message\": " + Json.quote(message) + "}"));
        return false;
    }

    private ByteBuffer predict(Peer peer) throws ProtocolException {
        long start = System.nanoTime();
        Batch batch = Batch.decode(peer.body());
        Outputs outputs = new Outputs(batch.size());
        try {
            model.predict(batch, outputs);
        } catch (Exception | StackOverflowError | OutOfMemoryError error) {
            oneByOne(batch, outputs, error);
        }
        return outputs.encode(peer.id(), System.nanoTime() - start);
    }

    /** One input that cannot be answered must not fail its batch-mates. */
    private void oneByOne(Batch batch, Outputs outputs, Throwable why) {
        if (batch.size() == 1) {
            outputs.fail(0, why.toString());
            return;
        }
        for (int i = 0; i < batch.size(); i++) {
            Outputs alone = new Outputs(1);
            try {
                model.predict(batch.item(i), alone);
            } catch (Exception | StackOverflowError | OutOfMemoryError error) {
                alone.fail(0, error.toString());
            }
            outputs.take(i, alone);
        }
    }

    private void hangUp(Peer peer, String reason) {
        log("Closed a link: " + reason);
        peers.remove(peer);
        peer.close();
        if (!alone && peers.stream().noneMatch(each -> each.welcome)) {
            alone = true;
            orphanAt = System.nanoTime() + graceNs();
        }
    }

    /** GOODBYE to all who are welcome, after what is left for them. */
    private void leave() throws IOException {
        long until = System.nanoTime() + GOODBYE_NS;
        for (Peer peer : peers) {
            boolean there = peer.welcome && peer.send(Frames.empty(Frames.GOODBYE, 0));
            while (there && peer.isBlocked() && until - System.nanoTime() > 0) {
                watch(peer);
                selector.select(10);
                selector.selectedKeys().clear();
                there = peer.flush();
            }
            peer.close();
        }
        listener.close();
        if (options.listen().startsWith("unix:")) {
            Files.deleteIfExists(Path.of(options.listen().substring("unix:".length())));
        }
    }

    private long graceNs() {
        return (long) (Math.min(options.orphanGraceS(), 1e6) * 1e9);
    }
}
