using System.Net;
using Adcp.Aot.Verification;

/// <summary>Verifies webhooks that arrive at a port of this machine.</summary>
internal sealed class LoopbackReceiver : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly Rfc9421Verifier _verifier;

    public LoopbackReceiver(string port, string jwks)
    {
        _verifier = new Rfc9421Verifier(VerificationKeySet.FromJwks(jwks), new InMemoryReplayCache());
        Origin = $"http://127.0.0.1:{port}";
        _listener.Prefixes.Add(Origin + "/");
        _listener.Start();
        _ = ServeAsync();
    }

    public string Origin { get; }

    public int Verified { get; private set; }

    public void Dispose() => _listener.Close();

    private async Task ServeAsync()
    {
        while (_listener.IsListening)
        {
            HttpListenerContext http = await _listener.GetContextAsync();
            using MemoryStream body = new();
            await http.Request.InputStream.CopyToAsync(body);
            InboundRequest request = new(http.Request.HttpMethod, Origin + http.Request.RawUrl, name => http.Request.Headers[name]);
            VerificationResult result = await _verifier.VerifyAsync(request, body.ToArray());
            Verified += result.Ok ? 1 : 0;
            http.Response.StatusCode = result.StatusCode;
            http.Response.Close();
        }
    }
}
