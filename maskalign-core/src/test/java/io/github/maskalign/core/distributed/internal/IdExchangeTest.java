package io.github.maskalign.core.distributed.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.distributed.Communicator.CommunicationException;
import io.github.maskalign.core.distributed.Launch;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class IdExchangeTest {
    private static final byte[] ID = {3, 1, 4};

    @Test
    void everyRankGetsTheIdAndStrangersGetNothing() throws Exception {
        Launch.Address master = new Launch.Address("localhost", freePort());
        IdExchange exchange = new IdExchange(master, 3, Duration.ofSeconds(20));
        CompletableFuture<byte[]> first = CompletableFuture.supplyAsync(() -> exchange.take(1, ID.length));
        CompletableFuture<Void> root = CompletableFuture.runAsync(() -> exchange.give(ID));

        assertThat(first.get(20, TimeUnit.SECONDS)).isEqualTo(ID);
        assertThat(answerTo(master, 0x1234)).as("a stranger").isEqualTo(-1);
        assertThat(exchange.take(1, ID.length)).as("a rank may ask again").isEqualTo(ID);
        assertThat(root.isDone()).as("rank 2 has not come").isFalse();
        assertThat(exchange.take(2, ID.length)).isEqualTo(ID);
        root.get(20, TimeUnit.SECONDS);
    }

    @Test
    void ranksThatDoNotComeAreCounted() throws Exception {
        IdExchange exchange = new IdExchange(new Launch.Address("localhost", freePort()), 3, Duration.ofMillis(50));

        assertThatThrownBy(() -> exchange.give(ID))
                .isInstanceOf(CommunicationException.class)
                .hasMessageContaining("only 1 of 3 ranks have reached rank 0 at port ");
    }

    @Test
    void aMissingRootIsNamed() throws Exception {
        int port = freePort();
        IdExchange exchange = new IdExchange(new Launch.Address("localhost", port), 2, Duration.ofMillis(50));

        assertThatThrownBy(() -> exchange.take(1, ID.length))
                .isInstanceOf(CommunicationException.class)
                .hasMessageStartingWith("rank 1 cannot fetch NCCL's id from localhost:" + port + " within 0 s: ");
    }

    private static int answerTo(Launch.Address master, long greeting) throws IOException {
        try (Socket socket = new Socket(master.host(), master.port())) {
            DataOutputStream out = new DataOutputStream(socket.getOutputStream());
            out.writeLong(greeting);
            out.flush();
            socket.shutdownOutput();
            return socket.getInputStream().read();
        }
    }

    private static int freePort() throws IOException {
        try (ServerSocket free = new ServerSocket(0)) {
            return free.getLocalPort();
        }
    }
}
