namespace A2AStores;

/// <summary>The agent card.</summary>
internal static class Card
{
    public static AgentCard Of(string url, bool authenticated) => new()
    {
        Name = "A2A stores",
        Description = "Counts the messages and parts it is sent, and remembers them in generated stores.",
        SupportedInterfaces = [new AgentInterface(url, "JSONRPC", "1.0")],
        Version = "1.0.0",
        Capabilities = new AgentCapabilities(Streaming: false, PushNotifications: true),
        SecuritySchemes = authenticated
            ? new Dictionary<string, SecurityScheme> { ["bearer"] = new(new HttpAuthSecurityScheme("Bearer")) }
            : null,
        SecurityRequirements = authenticated
            ? [new SecurityRequirement(new Dictionary<string, SchemeScopes> { ["bearer"] = new([]) })]
            : null,
        DefaultInputModes = ["text/plain", "application/json"],
        DefaultOutputModes = ["application/json"],
        Skills = [new AgentSkill("count", "Count", "Counts messages and parts.", ["example"])],
    };
}
