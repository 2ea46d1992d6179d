using System.CommandLine;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Adcp.Aot.Signing;

namespace Adcp.Aot.Cli;

/// <summary><c>keygen</c>: a new signing key, its private half readable by its owner only, its public half added to a JWK set.</summary>
internal static class KeygenCommand
{
    internal static Command Create()
    {
        Option<string> algorithm = Options.OneOf("--alg", "The algorithm:", null, "ed25519", "es256");
        Option<string> keyId = Options.Text("--kid", "The key's id, as receivers will look it up.", required: true);
        Option<string> purpose = Options.OneOf(
            "--purpose", "The adcp_use to publish; AdCP 3.0 receivers look for webhook-signing:", "request-signing",
            "request-signing", "webhook-signing");
        Option<string> output = Options.Text("--out",
            "The file of the private JWK, mode 0600. An existing file is never overwritten.", required: true);
        Option<string> jwks = Options.Text("--jwks", "The JWK set to publish. The key is added if the file exists.", required: true);
        Option<bool> json = Options.Json();
        Command command = new("keygen", "Make a signing key.") { algorithm, keyId, purpose, output, jwks, json };
        command.SetAction(arguments => Run(
            arguments.GetValue(algorithm) == "es256" ? SignatureAlgorithm.EcdsaP256Sha256 : SignatureAlgorithm.Ed25519,
            arguments.GetValue(keyId)!,
            arguments.GetValue(purpose) == "webhook-signing" ? KeyPurpose.WebhookSigning : KeyPurpose.RequestSigning,
            arguments.GetValue(output)!,
            arguments.GetValue(jwks)!,
            arguments.GetValue(json)));
        return command;
    }

    private static int Run(SignatureAlgorithm algorithm, string keyId, KeyPurpose purpose, string output, string jwks, bool json)
    {
        SigningKey key;
        try
        {
            key = SigningKey.Generate(algorithm, keyId);
        }
        catch (ArgumentException fault)
        {
            throw new CommandException(ExitCode.Usage, $"--kid: {fault.Message}");
        }

        using (key)
        {
            // The set first: if a key cannot be published, it must not be written.
            bool hasSet = File.Exists(jwks);
            string set = Published(key, purpose, jwks);
            WritePrivate(output, key.ExportPrivateJwk());
            if (!hasSet && File.Exists(jwks))
            {
                // The private file has just created the set's path: both names lead to one file, by any spelling or
                // link.
                File.Delete(output);
                throw new CommandException(ExitCode.Usage,
                    $"--jwks: '{jwks}' is the file of --out; the published set must not take the private key's place.");
            }

            WriteShared(jwks, set);
        }

        string purposeName = purpose == KeyPurpose.WebhookSigning ? "webhook-signing" : "request-signing";
        string algorithmName = algorithm == SignatureAlgorithm.Ed25519 ? "ed25519" : "es256";
        if (json)
        {
            Output.Json(members =>
            {
                members.WriteString("kid"u8, keyId);
                members.WriteString("alg"u8, algorithmName);
                members.WriteString("purpose"u8, purposeName);
                members.WriteString("private_key"u8, output);
                members.WriteString("jwks"u8, jwks);
            });
        }
        else
        {
            Output.Table(["key", $"{keyId} ({algorithmName}, {purposeName})"], ["private", output + "  keep it secret"],
                ["public", jwks + "  publish it at your jwks_uri"]);
        }

        return ExitCode.Done;
    }

    /// <summary>Returns the set with the key in it.</summary>
    private static string Published(SigningKey key, KeyPurpose purpose, string path)
    {
        if (!File.Exists(path))
        {
            return SigningKey.ExportJwks([key], purpose);
        }

        try
        {
            JsonNode set = JsonNode.Parse(InputFile.Bytes(path, "--jwks"), null,
                new JsonDocumentOptions { AllowDuplicateProperties = false })!;
            JsonArray keys = set["keys"]!.AsArray();
            if (keys.Any(other => (string?)other!["kid"] == key.KeyId))
            {
                throw new CommandException(ExitCode.Usage, $"--kid: '{path}' already has a key of this id; ids are never used twice.");
            }

            keys.Add(JsonNode.Parse(key.ExportPublicJwk(purpose)));
            return set.ToJsonString();
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException or NullReferenceException)
        {
            throw new CommandException(ExitCode.Usage, $"--jwks: '{path}' is not a JWK set.");
        }
    }

    private static void WritePrivate(string path, string jwk)
    {
        FileStreamOptions options = new() { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        Write("--out", path, () =>
        {
            using FileStream file = new(path, options);
            file.Write(Encoding.UTF8.GetBytes(jwk + "\n"));
        });
    }

    private static void WriteShared(string path, string set) => Write("--jwks", path, () => File.WriteAllText(path, set + "\n"));

    private static void Write(string name, string path, Action write)
    {
        try
        {
            write();
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new CommandException(ExitCode.Usage, $"{name}: '{path}' cannot be written: {fault.Message}");
        }
    }
}
