using System.CommandLine;
using Adcp.Aot.Network;

namespace Adcp.Aot.Cli;

/// <summary><c>doctor</c>: checks the clock, the network, the store and the keys, and says what to do.</summary>
internal sealed class DoctorCommand
{
    private readonly Option<string?> _url = new("--url") { Description = "A destination of webhooks. It gets one HEAD request." };
    private readonly Option<string?> _key = new("--key") { Description = "The file with the private JWK; - for the standard input." };
    private readonly Option<string?> _jwks = new("--jwks") { Description = "The published JWK set: a url or a file." };
    private readonly Option<string?> _brand = new("--brand") { Description = "The brand.json: a url or a file. Needs --agent-url." };
    private readonly Option<string?> _agent = new("--agent-url") { Description = "The agent's url, as brand.json names it." };
    private readonly StoreOptions _store = new();
    private readonly Option<bool> _allowPrivate = new("--allow-private") { Description = "Let loopback and private networks pass." };
    private readonly Option<bool> _allowHttp = new("--allow-http") { Description = "Let plain http pass." };
    private readonly Option<bool> _json = Options.Json();

    internal static Command Create()
    {
        DoctorCommand doctor = new();
        Command command = new("doctor", "Check clock, network, store and keys, as far as options name them. Exit code 1 if a check failed.")
        {
            doctor._url, doctor._key, doctor._jwks, doctor._brand, doctor._agent, doctor._allowPrivate, doctor._allowHttp, doctor._json,
        };
        doctor._store.AddTo(command);
        command.SetAction(doctor.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        string? url = arguments.GetValue(_url);
        string? key = arguments.GetValue(_key);
        string? jwks = arguments.GetValue(_jwks);
        string? brand = arguments.GetValue(_brand);
        StoreAddress? store = _store.Read(arguments);
        if ((url ?? key ?? jwks ?? brand) is null && store is null)
        {
            throw new CommandException(ExitCode.Usage, "Name what to check: --url, --key, --jwks, --brand, --store or --store-file.");
        }

        if (brand is null != arguments.GetValue(_agent) is null)
        {
            throw new CommandException(ExitCode.Usage, "--brand and --agent-url go together.");
        }

        using DestinationProbe probe = new(new DestinationGuardOptions
        {
            AllowHttp = arguments.GetValue(_allowHttp),
            AllowPrivateNetworks = arguments.GetValue(_allowPrivate),
        });
        List<Finding> findings = [];
        if (url is not null)
        {
            findings.AddRange(DestinationCheck.Judge(await probe.RunAsync(url, 0, cancellationToken).ConfigureAwait(false)));
        }

        if (store is not null)
        {
            findings.AddRange(await StoreCheck.RunAsync(store, _store.Prefix(arguments), cancellationToken).ConfigureAwait(false));
        }

        if ((key ?? jwks ?? brand) is not null)
        {
            using KeyCheck keys = new(probe, key);
            findings.AddRange(await keys.RunAsync(jwks, brand, arguments.GetValue(_agent), cancellationToken).ConfigureAwait(false));
        }

        Print(findings, arguments.GetValue(_json));
        return findings.Exists(static finding => finding.Status == "failed") ? ExitCode.NotDone : ExitCode.Done;
    }

    private static void Print(List<Finding> findings, bool json)
    {
        if (!json)
        {
            Output.Table(
            [
                ["STATUS", "CHECK", "FINDING"],
                .. findings.Select(static finding => new[]
                {
                    finding.Status, finding.Check,
                    Output.Visible(finding.Advice is null ? finding.Text : $"{finding.Text.TrimEnd('.')}. {finding.Advice}"),
                }),
            ]);
            return;
        }

        foreach (Finding finding in findings)
        {
            Output.Json(members =>
            {
                members.WriteString("status"u8, finding.Status);
                members.WriteString("check"u8, finding.Check);
                members.WriteString("finding"u8, finding.Text);
                members.WriteString("advice"u8, finding.Advice);
            });
        }
    }
}
