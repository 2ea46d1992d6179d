using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Adcp.Aot.Tests.Interop;

/// <summary>
/// A Node.js process with implementations by other people (<c>tests/interop</c>).
/// A test that starts it is marked with <c>[Needs(Resource.NpmPeers)]</c>.
/// </summary>
internal sealed class Peers : IDisposable
{
    private readonly Process _node;

    private Peers(Process node) => _node = node;

    public static Peers Start()
    {
        string modules = Resources.Get(Resource.NpmPeers);
        ProcessStartInfo start = new("node", [Path.Combine(AppContext.BaseDirectory, "interop", "peers.cjs")])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        start.Environment["NODE_PATH"] = modules;
        return new Peers(Process.Start(start)!);
    }

    /// <summary>Sends a request. A fault of the peer fails the test.</summary>
    public JsonNode? Ask(string what, JsonObject question)
    {
        (JsonNode? answer, string? fault) = Try(what, question);
        Assert.True(fault is null, fault);
        return answer;
    }

    public (JsonNode? Answer, string? Fault) Try(string what, JsonObject question)
    {
        question["ask"] = what;
        _node.StandardInput.WriteLine(question.ToJsonString());
        _node.StandardInput.Flush();
        JsonNode reply = JsonNode.Parse(_node.StandardOutput.ReadLine() ?? throw new InvalidOperationException("The peers have left."))!;
        return (reply["answer"], (string?)reply["fault"]);
    }

    public void Dispose()
    {
        _node.StandardInput.Close();
        _node.WaitForExit();
        _node.Dispose();
    }
}
