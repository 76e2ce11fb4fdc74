// The program that is the Java kernel: the JShell of the JDK, which remembers what was declared.
//
// Run as a source file: java JavaKernel.java INPUT OUTPUT, where both are numbers of open files.

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.Collectors;
import jdk.jshell.EvalException;
import jdk.jshell.JShell;
import jdk.jshell.JShellException;
import jdk.jshell.Snippet;
import jdk.jshell.SnippetEvent;
import jdk.jshell.SourceCodeAnalysis;

public final class JavaKernel {
    private static final String IMPORTS =
            "import java.io.*; import java.math.*; import java.net.*; import java.nio.file.*; "
                    + "import java.time.*; import java.util.*; import java.util.concurrent.*; "
                    + "import java.util.function.*; import java.util.regex.*; "
                    + "import java.util.stream.*;";

    private final DataOutputStream output;
    private final JShell shell;
    private final BlockingQueue<String> codes = new LinkedBlockingQueue<>();

    private JavaKernel(DataOutputStream output) {
        this.output = output;
        // In this process: what the code writes goes to the pipes that the host reads.
        this.shell = JShell.builder().executionEngine("local").build();
    }

    public static void main(String[] numbers) throws Exception {
        var input = new DataInputStream(new FileInputStream("/proc/self/fd/" + numbers[0]));
        var output = new DataOutputStream(new FileOutputStream("/proc/self/fd/" + numbers[1]));
        var kernel = new JavaKernel(output);
        var reader = new Thread(() -> kernel.receive(input));
        reader.setDaemon(true);
        reader.start();
        kernel.evaluate(IMPORTS);
        kernel.send("{\"type\":\"ready\"}");
        while (true) {
            kernel.run(kernel.codes.take());
        }
    }

    private void receive(DataInputStream input) {
        try {
            while (true) {
                var message = new String(input.readNBytes(input.readInt()), StandardCharsets.US_ASCII);
                if (message.contains("\"type\": \"run\"")) {
                    codes.add(text(message, "code"));
                } else {
                    shell.stop();
                }
            }
        } catch (EOFException ended) {
            Runtime.getRuntime().halt(0); // the host has ended
        } catch (IOException broken) {
            Runtime.getRuntime().halt(1);
        }
    }

    private void run(String code) throws IOException {
        evaluate(code);
        System.out.flush();
        System.err.flush();
        send("{\"type\":\"done\"}");
    }

    /** Evaluates each snippet of the code; the first that fails is the last. */
    private void evaluate(String code) throws IOException {
        SnippetEvent last = null;
        while (!code.isBlank()) {
            SourceCodeAnalysis.CompletionInfo info = shell.sourceCodeAnalysis().analyzeCompletion(code);
            String source = info.source() == null ? code : info.source();
            for (SnippetEvent event : shell.eval(source)) {
                if (event.causeSnippet() != null) {
                    continue; // another snippet that this one had an effect on
                }
                last = event;
                if (failed(event)) {
                    return;
                }
            }
            code = info.source() == null ? "" : info.remaining();
        }
        if (last != null && isValue(last)) {
            send("{\"type\":\"result\",\"is_main\":true,\"mime\":{\"text/plain\":"
                    + quoted(last.value()) + "}}");
        }
    }

    /** Tells an expression from a declaration, which has a value, too. */
    private static boolean isValue(SnippetEvent event) {
        Snippet snippet = event.snippet();
        boolean isExpression = snippet.kind() == Snippet.Kind.EXPRESSION
                || snippet.subKind() == Snippet.SubKind.TEMP_VAR_EXPRESSION_SUBKIND;
        return isExpression && event.value() != null && !event.value().isEmpty();
    }

    private boolean failed(SnippetEvent event) throws IOException {
        if (event.status() == Snippet.Status.REJECTED) {
            String problems = shell.diagnostics(event.snippet())
                    .map(problem -> problem.getMessage(null))
                    .collect(Collectors.joining("\n"));
            error("CompilationError", problems, event.snippet().source());
            return true;
        }
        JShellException exception = event.exception();
        if (exception == null) {
            return false;
        }
        String name = exception instanceof EvalException
                ? ((EvalException) exception).getExceptionClassName()
                : exception.getClass().getSimpleName();
        var lines = new StringBuilder(name + ": " + exception.getMessage());
        for (StackTraceElement frame : exception.getStackTrace()) {
            lines.append("\n    at ").append(frame);
        }
        error(name, String.valueOf(exception.getMessage()), lines.toString());
        return true;
    }

    private void error(String name, String value, String traceback) throws IOException {
        System.out.flush();
        send("{\"type\":\"error\",\"name\":" + quoted(name) + ",\"value\":" + quoted(value)
                + ",\"traceback\":" + quoted(traceback) + "}");
    }

    private void send(String message) throws IOException {
        byte[] body = message.getBytes(StandardCharsets.US_ASCII);
        output.writeInt(body.length);
        output.write(body);
        output.flush();
    }

    private static String quoted(String text) {
        var result = new StringBuilder("\"");
        for (char each : text.toCharArray()) {
            if (each == '"' || each == '\\') {
                result.append('\\').append(each);
            } else if (each >= ' ' && each <= '~') {
                result.append(each);
            } else {
                result.append(String.format("\\u%04x", (int) each));
            }
        }
        return result.append('"').toString();
    }

    /** Returns the string under a key of a message, whose characters are all ASCII. */
    private static String text(String message, String key) {
        var result = new StringBuilder();
        int at = message.indexOf("\"" + key + "\": \"") + key.length() + 5;
        for (; message.charAt(at) != '"'; at++) {
            if (message.charAt(at) != '\\') {
                result.append(message.charAt(at));
                continue;
            }
            at++;
            char escape = message.charAt(at);
            if (escape == 'u') {
                result.append((char) Integer.parseInt(message.substring(at + 1, at + 5), 16));
                at += 4;
            } else {
                int index = "bfnrt".indexOf(escape);
                result.append(index < 0 ? escape : "\b\f\n\r\t".charAt(index));
            }
        }
        return result.toString();
    }
}
