using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Adcp.Aot.Benchmarks.Hostile;

/// <summary>
/// The hostile endpoints, on loopback. Prints the address of each <see cref="HostileSite"/> in order and ends when its
/// input does.
/// </summary>
internal static class HostileReceiver
{
    internal static async Task RunAsync()
    {
        using Socket shared = Bound();
        using Socket tlsGarbage = Bound();
        using Socket untrusted = Bound();

        // Bound and not listening: the port is taken, and connections to it are refused.
        using Socket refused = Bound();
        using X509Certificate2 certificate = SelfSigned();
        _ = AcceptAsync(shared, static (socket, stream) => new HostileConnection(socket, stream).ServeAsync());
        _ = AcceptAsync(
            tlsGarbage, static (socket, stream) => HostileKinds.Find("tls-garbage")!.AnswerAsync(new HostileConnection(socket, stream)));
        _ = AcceptAsync(untrusted, (socket, stream) => ServeTlsAsync(socket, stream, certificate));
        Console.WriteLine($"http://{shared.LocalEndPoint}");
        Console.WriteLine($"https://{tlsGarbage.LocalEndPoint}");
        Console.WriteLine($"https://{untrusted.LocalEndPoint}");
        Console.WriteLine($"http://{refused.LocalEndPoint}");
        while (await Console.In.ReadLineAsync() is not null)
        {
        }
    }

    private static Socket Bound()
    {
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }

    private static async Task AcceptAsync(Socket listening, Func<Socket, Stream, Task> serve)
    {
        listening.Listen(512);
        while (true)
        {
            Socket accepted = await listening.AcceptAsync();
            accepted.NoDelay = true;
            _ = ServeAsync(accepted, serve);
        }
    }

    private static async Task ServeAsync(Socket accepted, Func<Socket, Stream, Task> serve)
    {
        try
        {
            using NetworkStream stream = new(accepted, ownsSocket: true);
            await serve(accepted, stream);
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or AuthenticationException)
        {
            // The client went away, which most answers here make it do.
        }
    }

    private static X509Certificate2 SelfSigned()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=untrusted", key, HashAlgorithmName.SHA256);
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    private static async Task ServeTlsAsync(Socket socket, Stream stream, X509Certificate2 certificate)
    {
        using SslStream tls = new(stream);
        await tls.AuthenticateAsServerAsync(certificate);
        await new HostileConnection(socket, tls).ServeAsync();
    }
}
